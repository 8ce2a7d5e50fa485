"""The life of this pod's attempt: claim, watch, report."""

import os
import threading
import time
from typing import Final

from graphrun_core import phases, protocol
from graphrun_runner.supervisor import conclusion, report
from graphrun_runner.supervisor.api_client import ApiClient
from graphrun_runner.supervisor.attempt import Attempt
from graphrun_runner.supervisor.claim import Claim, claim_attempt
from graphrun_runner.supervisor.conclusion import Conclusion
from graphrun_runner.supervisor.course import WHY_SUPERSEDED
from graphrun_runner.supervisor.graph_process import GraphProcess
from graphrun_runner.supervisor.log_sender import FLUSH_SECONDS, LogSender
from graphrun_runner.supervisor.mailbox import CHILD_CHANGED, CLAIM, NOTHING, TERMINATED, Mailbox
from graphrun_runner.supervisor.output_pump import OutputPump
from graphrun_runner.supervisor.report import Receipt
from graphrun_runner.supervisor.settings import Settings
from graphrun_runner.supervisor.voice import say

_IDLE_SECONDS: Final = 3600.0
# A claim under way when SIGTERM comes has this long to be answered: if it is granted, the end must be reported.
_LAST_ANSWER_SECONDS: Final = 1.0
# What the pipes still hold when every writer is gone is read at once, unless nobody takes the container's own output.
_OUTPUT_SECONDS: Final = 0.5
_STDOUT: Final = 1
_STDERR: Final = 2


def run_attempt(settings: Settings, process: GraphProcess, box: Mailbox) -> int:
    """Claim, run, report. Returns the container's exit code."""
    os.makedirs(settings.work_dir, exist_ok=True)
    logs = LogSender()
    output = OutputPump({process.stdout: _STDOUT, process.stderr: _STDERR}, logs.add)
    output.start()
    claim, terminated = _claim(settings, process, box)
    if claim.grant is None:
        process.end_all()
        output.finish(_OUTPUT_SECONDS)
        say("nothing was run", exit_code=claim.exit_code, reason=claim.message)
        end = conclusion.without_claim(claim.exit_code, claim.message)
        report.write_termination_message(settings.termination_log, end)
        return end.exit_code
    attempt = Attempt(settings, claim.grant, process, box)
    logs.start(ApiClient(settings.api_url, settings.token_file), claim.grant["attempt"])
    seen = attempt.run(hand_over=not terminated)
    output.finish(_OUTPUT_SECONDS)
    end = conclusion.conclude(attempt.route, seen)
    return _finish(settings, attempt, end, logs)


def _claim(settings: Settings, process: GraphProcess, box: Mailbox) -> tuple[Claim, bool]:
    """The claim, and whether SIGTERM came meanwhile."""
    halt = threading.Event()

    def work() -> None:
        client = ApiClient(settings.api_url, settings.token_file)
        box.put(CLAIM, claim_attempt(client, patience=settings.start_seconds, halt=halt))
        client.close()

    threading.Thread(target=work, name="claim", daemon=True).start()
    deadline = time.monotonic() + _IDLE_SECONDS
    while True:
        news = box.get(deadline - time.monotonic())
        if news.kind == CLAIM:
            return news.payload, halt.is_set()
        if news.kind == CHILD_CHANGED:
            process.reap()
        elif news.kind == TERMINATED and not halt.is_set():
            halt.set()
            deadline = time.monotonic() + _LAST_ANSWER_SECONDS
        elif news.kind == NOTHING and halt.is_set():
            message = "the pod was stopped while its claim was under way"
            return Claim(None, protocol.EXIT_INTERRUPTED, message), True


def _finish(settings: Settings, attempt: Attempt, end: Conclusion, logs: LogSender) -> int:
    say("the attempt has ended", exit_code=end.exit_code, reason=end.reason, details=end.message)
    report.write_termination_message(settings.termination_log, end)
    if attempt.route.stop_why == WHY_SUPERSEDED:
        return end.exit_code  # the API has said that it takes no more from this pod
    for_events, for_report = _patience(attempt, end)
    if not attempt.sender.flush(for_events):
        say("not every event could be sent")
    if attempt.sender.dropped:
        say("events were left out: the API could not take them in time", events=attempt.sender.dropped)
    client = ApiClient(settings.api_url, settings.token_file)
    receipt = report.report_end(client, end, attempt.reader.checkpoint, patience=for_report)
    if receipt is not Receipt.SUPERSEDED:
        # Only now: nothing may delay the report, and an API that did not take it will not take logs.
        if receipt is Receipt.TAKEN:
            logs.flush(FLUSH_SECONDS)
        return end.exit_code
    lost = conclusion.superseded()
    report.write_termination_message(settings.termination_log, lost)
    return lost.exit_code


def _patience(attempt: Attempt, end: Conclusion) -> tuple[float, float]:
    """How many seconds the events that remain, and the report, may take."""
    if end.exit_code == protocol.EXIT_CANCELLED:
        return (0.0 if attempt.sender.cut_off else report.HURRIED_FLUSH_SECONDS), report.CANCEL_REPORT_SECONDS
    if attempt.route.evicted or attempt.route.wanted == phases.STATE_CANCELLED:
        return report.HURRIED_FLUSH_SECONDS, report.HURRIED_REPORT_SECONDS
    return report.FLUSH_SECONDS, report.REPORT_SECONDS
