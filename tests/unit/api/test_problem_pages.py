"""Every kind of problem has a page that tells the truth about it, and nothing else has one."""

import json
import re
from http import HTTPStatus
from pathlib import Path

import pytest

from graphrun_api.web.problems import HTTP_SLUG, PAGES, TABLE, Kind

KINDS = {*TABLE.values(), Kind(405, HTTP_SLUG, HTTPStatus(405).phrase)}
SLUGS = sorted({kind.slug for kind in KINDS})
DOCS = Path(__file__).parents[3] / "docs" / "problems" / "README.md"


def page_of(slug: str) -> str:
    return (PAGES / f"{slug}.md").read_text()


def test_every_kind_of_problem_has_a_page_and_no_page_is_without_a_kind() -> None:
    assert sorted(path.name.removesuffix(".md") for path in PAGES.iterdir()) == SLUGS


@pytest.mark.parametrize("slug", SLUGS)
def test_a_page_says_what_it_means_what_leads_to_it_and_what_to_do(slug: str) -> None:
    sections = re.findall(r"^#+ .+\n\n\S", page_of(slug), re.MULTILINE)

    assert len(sections) == 4
    assert [line[3:].strip() for line in page_of(slug).splitlines() if line.startswith("## ")] == [
        "What leads to it",
        "What to do",
        "Example",
    ]


@pytest.mark.parametrize("slug", SLUGS)
def test_the_example_of_a_page_is_such_a_problem(slug: str) -> None:
    text = page_of(slug)
    example = json.loads(text.split("```json\n")[1].split("```")[0])

    assert example["type"] == f"/problems/{slug}"
    assert Kind(example["status"], slug, example["title"]) in KINDS
    assert text.startswith(f"# {example['title']}\n")


def test_the_documentation_links_to_each_page() -> None:
    linked = re.findall(r"problem_pages/([a-z0-9-]+)\.md", DOCS.read_text())

    assert sorted(linked) == SLUGS
