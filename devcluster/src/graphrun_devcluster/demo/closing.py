"""What the demo says at its end: what to try next, or where to look."""

NEXT = """\
eval "$(make -s env)"                                   # kubectl, helm, KUBECONFIG, GRAPHRUN_URL, GRAPHRUN_TOKEN, …
api=$GRAPHRUN_URL/api/projects/$GRAPHRUN_PROJECT; auth="Authorization: Bearer $GRAPHRUN_TOKEN"

curl -sH "$auth" $api/workflows/runs
curl -sH "$auth" "$api/workflows/runs?execute=true" --json '{"workflow": "stdlib-audit", "input_data": {"modules": 30}}'
curl -sH "$auth" -X POST $api/workflows/runs/NAME/pause # NAME: the run_id of the answer above

kubectl -n $GRAPHRUN_NAMESPACE create -f examples/01-stdlib-audit/run.yaml
kubectl -n $GRAPHRUN_NAMESPACE get wfr -w
kubectl -n $GRAPHRUN_NAMESPACE patch wfr NAME --type merge -p '{"spec":{"state":"Paused"}}'

make down                                               # ends the cluster; what was built stays cached"""


def last_words(run: str) -> list[tuple[str, tuple[str, ...]]]:
    """Where to look after a failure: a line for a person and kubectl's arguments, for each."""
    if not run:
        return []
    pods = f"graphrun.dev/run={run}"
    return [
        (f"last status of {run}:", ("get", "wfr", run, "-o", "jsonpath={.status}")),
        ("its pods:", ("get", "pods", "-l", pods)),
        ("their last lines:", ("logs", "-l", pods, "--tail=20", "--prefix")),
        ("events of the namespace:", ("events", "--types=Warning")),
    ]
