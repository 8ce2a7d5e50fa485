#!/usr/bin/env bash
# Regenerates locks/*.txt from the members' pyproject.toml files, keeping the pins that are there.
#
#   scripts/lock.sh                      write the locks
#   scripts/lock.sh --check              fail (exit 1, with a diff) where a lock is stale; writes nothing
#   scripts/lock.sh --upgrade-package X  any further options go to `uv pip compile`
#
# dev.txt is resolved first and constrains the others, so that tests and images run the same versions.
# build.txt holds the build back end that the Dockerfiles use to build the members' wheels; moto.txt a test server that
# does not fit beside our own dependencies and gets an environment of its own.
# No index and no host appears in the locks: they install from whatever index the machine is set up for.
set -euo pipefail
cd "$(dirname "$0")/.."

uv=${UV:-uv}
members=(core checkpoints operator runner api devcluster)
check=""
if [[ ${1:-} == --check ]]; then
    check=yes
    shift
fi

target=locks
if [[ $check ]]; then
    target=$(mktemp -d)
    trap 'rm -rf "$target"' EXIT
    cp locks/* "$target/"
fi

python=3.11
options=(--quiet --universal --generate-hashes --no-header --no-annotate)
for member in "${members[@]}"; do
    options+=(--no-emit-package "graphrun-$member") # members are installed from the tree, not by pin
done

lock() { # lock NAME SOURCE... : uv reads the pins to keep from the file it is about to replace
    local name=$1
    shift
    "$uv" pip compile --python-version "$python" "${options[@]}" "${extra[@]}" --output-file "$target/$name.txt" "$@"
}

extra=("$@")
lock dev "${members[@]/%//pyproject.toml}" --group pyproject.toml:dev
lock runner {core,checkpoints,runner}/pyproject.toml --constraints "$target/dev.txt"
lock control-plane {core,checkpoints,operator,api}/pyproject.toml --constraints "$target/dev.txt"
lock build locks/build.in # what the members name under [build-system]
lock moto locks/moto.in
for saver in objectstorage postgres tigris; do # what benchmarks/checkpoints measures beside ours
    lock saver-$saver locks/saver-$saver.in
done
lock server-langgraph locks/server-langgraph.in # what benchmarks/api measures beside ours
python=3.12 lock server-aegra locks/server-aegra.in # it refuses 3.11

if [[ $check ]]; then
    diff --recursive --unified locks "$target" || {
        echo "locks/ is stale: run 'make lock' and commit what it changes" >&2
        exit 1
    }
fi
