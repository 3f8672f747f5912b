#!/usr/bin/env bash
# Looks at pages that `steadfast report` writes in a real Chromium without a window: of a demo, of a trace with more than 100,000
# lines, and of a hostile one.
#
#     tests/report.sh [--pictures FOLDER]
#
# Needs cargo; installs Debian's chromium and nodejs with apt-get unless they are there (CHROMIUM names another browser,
# STEADFAST a program that is built already). Prints what was looked at, and last one line `N passed, N failed`; the exit code is
# 0 if none failed. Where there is no browser, a line `NOT RUN: ...` says why, and the exit code is 77: the caller decides what
# that means.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

arguments=()
if (($#)); then
    if [[ $1 != --pictures ]] || (($# != 2)); then
        printf 'usage: tests/report.sh [--pictures FOLDER]\n' >&2
        exit 2
    fi
    mkdir -p "$2"
    arguments=(--pictures "$(realpath "$2")")
fi

not_run() {
    printf '\nNOT RUN: the report in a browser: %s\n\n' "$1"
    exit 77
}

browser() {
    local name
    for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; do
        if [[ -n $name ]] && command -v "$name"; then
            return
        fi
    done
    return 1
}

missing=()
chromium=$(browser) || missing+=(chromium)
command -v node > /dev/null || missing+=(nodejs)
if ((${#missing[@]})); then
    command -v apt-get > /dev/null || not_run "${missing[*]} not installed, and there is no apt-get"
    [[ $(id -u) == 0 ]] || not_run "${missing[*]} not installed, and only root can do that"
    log=$(mktemp)
    if ! { apt-get update && DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "${missing[@]}" fonts-dejavu-core; } > "$log" 2>&1; then
        tail -n 5 "$log"
        rm -f "$log"
        not_run "${missing[*]} cannot be installed"
    fi
    rm -f "$log"
    chromium=$(browser) || not_run 'there is no browser, though it was installed'
fi

steadfast=${STEADFAST:-}
if [[ -z $steadfast ]]; then
    target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
    cargo build --quiet --release -p steadfast-cli
    steadfast=$target/release/steadfast
fi

home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT

"$steadfast" demo --seconds 6 --seed 3 --record "$home/demo.jsonl" > "$home/demo.log" || { cat "$home/demo.log"; exit 1; }
"$steadfast" report "$home/demo.jsonl" -o "$home/demo.html"

# The same many times over is not a trace: this is one session that had much to do.
"$steadfast" demo --seconds 12 --seed 4 --rate 14000 --record "$home/long.jsonl" > "$home/long.log" || { cat "$home/long.log"; exit 1; }
printf 'long: %d lines\n' "$(wc -l < "$home/long.jsonl")"
"$steadfast" report "$home/long.jsonl" -o "$home/long.html"

# What a server gave as its reason, and what a file is called, is anybody's word. The session that decided by another reason is
# not the recorded one, which the page has to say as well: exit code 1.
evil='</script><img src=x onerror=window.injected=1><script>window.injected=1</script>'
name="<img src=x onerror='window.injected=1'>.jsonl"
python3 - "$home/demo.jsonl" "$home/$name" "$evil" << 'PYTHON'
import json, sys
lines = open(sys.argv[1]).read().splitlines()
# The last connection that ended by what came from outside.
end = [at for at, line in enumerate(lines) if '"event":{"closed"' in line and '"aborted"' not in line and '"code":1000' not in line][-1]
changed = json.loads(lines[end])
changed["event"]["closed"]["cause"] = {"closed": {"code": 4000, "reason": sys.argv[3]}}
lines[end] = json.dumps(changed, separators=(",", ":"))
open(sys.argv[2], "w").write("\n".join(lines) + "\n")
PYTHON
code=0
"$steadfast" report "$home/$name" -o "$home/hostile.html" || code=$?
((code == 1)) || { printf 'a changed trace ended with %d instead of 1\n' "$code"; exit 1; }

timeout 300 node tests/report/look.mjs "$chromium" demo="$home/demo.html" long="$home/long.html" hostile="$home/hostile.html" \
    "${arguments[@]}"
