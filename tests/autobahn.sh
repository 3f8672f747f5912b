#!/usr/bin/env bash
# Runs the 517 cases of the Autobahn conformance suite against our client.
#
#     tests/autobahn.sh [--engine native|tungstenite|async-tungstenite] [--transport mio|async-std] [--expect N]
#
# Needs cargo, and Python 3.10 or newer with venv and pip; the suite (PyPI's kosoku, pinned) is installed into a virtual
# environment below the target directory. Prints the failures, then how many cases ended in which way, and last one line
# `N passed, N failed`. OK and INFORMATIONAL pass, everything else fails (NON-STRICT, UNIMPLEMENTED and UNCLEAN, too), and
# so does a case that did not run. The exit code is 0 if none failed, or, with --expect, if exactly N passed: 299 are known
# to pass on the engines of that kind (296 OK, 3 INFORMATIONAL), which shows that the suite and this script can be believed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

suite=kosoku==0.1.0
# Without compression the whole run takes some 15 s; with it some four minutes, most of it the server's own work.
patience=900
engine=native
transport=mio
expected=517

usage() {
    printf 'usage: tests/autobahn.sh [--engine native|tungstenite|async-tungstenite] [--transport mio|async-std] [--expect N]\n' >&2
    exit 2
}

while (($#)); do
    (($# >= 2)) || usage
    case $1 in
        --engine) engine=$2 ;;
        --transport) transport=$2 ;;
        --expect)
            [[ $2 =~ ^[0-9]+$ ]] || usage
            expected=$2
            ;;
        *) usage ;;
    esac
    shift 2
done

home=${CARGO_TARGET_DIR:-target}/autobahn
venv=$home/${suite//==/-}
reports=$home/reports/$transport-$engine
mkdir -p "$home"

if [[ ! -x $venv/bin/kosoku ]]; then
    rm -rf "$venv"
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed")'
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "$suite"
fi

cargo build --quiet --release -p steadfast-tests --example autobahn
client=${CARGO_TARGET_DIR:-target}/release/examples/autobahn

server=
trap 'if [[ -n $server ]]; then kill "$server" 2> /dev/null || true; wait "$server" 2> /dev/null || true; fi' EXIT
rm -rf "$reports"
said=$home/$transport-$engine.server.log
: > "$said"
"$venv/bin/kosoku" -m fuzzingserver 127.0.0.1:0 -o "$reports" > "$said" 2>&1 &
server=$!
url=
for ((waited = 0; waited < 300; waited++)); do
    url=$(sed -n 's/^fuzzingserver listening on //p' "$said")
    if [[ -n $url ]] || ! kill -0 "$server" 2> /dev/null; then
        break
    fi
    sleep 0.1
done
if [[ -z $url ]]; then
    printf 'the fuzzing server does not start:\n' >&2
    cat "$said" >&2
    exit 1
fi

if timeout "$patience" "$client" "$url" "$transport" "$engine"; then
    # The server writes the report when it was asked to, and ends.
    timeout 60 tail --pid="$server" -f /dev/null || true
else
    printf 'the client did not run all cases\n'
fi

python3 - "$reports/index.json" "$expected" <<'PYTHON'
import collections, json, sys

CASES = 517
PASSED = {"OK", "INFORMATIONAL"}
try:
    with open(sys.argv[1]) as file:
        (cases,) = json.load(file).values()
except FileNotFoundError:
    cases = {}
passed = 0
counts = collections.Counter()
for case, end in sorted(cases.items(), key=lambda item: [int(part) for part in item[0].split(".")]):
    verdicts = (end["behavior"], end["behaviorClose"])
    counts[verdicts] += 1
    if PASSED.issuperset(verdicts):
        passed += 1
    else:
        print(f"failed: {case}: {verdicts[0]}, close {verdicts[1]}")
for (behavior, close), count in counts.most_common():
    print(f"{count} {behavior}, close {close}")
for behavior in sorted({behavior for behavior, _ in counts}):
    print(f"{behavior}: {sum(count for (of, _), count in counts.items() if of == behavior)}")
if len(cases) != CASES:
    print(f"{len(cases)} cases are in the report, and not {CASES}")
failed = max(CASES, len(cases)) - passed
print(f"{passed} passed, {failed} failed")
sys.exit(passed != int(sys.argv[2]))
PYTHON
