#!/usr/bin/env bash
# Runs our client against servers written by others: PyPI's websockets and npm's ws, each without and with compression.
#
#     tests/interop.sh [--transport NAME] [--engine native|tungstenite] [--server websockets|ws]
#
# Needs cargo, Python 3.10 or newer with venv and pip, and Node 18 or newer with npm; the servers, pinned, are installed below
# the target directory. Without options everything is run: each transport, each engine, each server. Prints a table of what was
# tried, and last one line `N passed, N failed`. The exit code is 0 if none failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

websockets=websockets==17.4
ws=ws@8.23.0
# A run of one pair takes some seconds.
patience=120
transports=()
engines=()
servers=()

usage() {
    printf 'usage: tests/interop.sh [--transport NAME] [--engine native|tungstenite] [--server websockets|ws]\n' >&2
    exit 2
}

while (($#)); do
    (($# >= 2)) || usage
    case $1 in
        --transport) transports+=("$2") ;;
        --engine) engines+=("$2") ;;
        --server)
            [[ $2 == websockets || $2 == ws ]] || usage
            servers+=("$2")
            ;;
        *) usage ;;
    esac
    shift 2
done
((${#servers[@]})) || servers=(websockets ws)

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
home=$target/interop
venv=$home/${websockets//==/-}
modules=$home/${ws//@/-}
mkdir -p "$home"

install() {
    case $1 in
        websockets)
            [[ ! -e $venv/installed ]] || return 0
            rm -rf "$venv"
            python3 -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed")'
            python3 -m venv "$venv"
            "$venv/bin/pip" install --quiet --disable-pip-version-check "$websockets"
            touch "$venv/installed"
            ;;
        ws)
            [[ ! -e $modules/installed ]] || return 0
            rm -rf "$modules"
            npm install --no-audit --no-fund --no-save --loglevel=error --prefix "$modules" "$ws"
            touch "$modules/installed"
            ;;
    esac
}

server=
stop() {
    if [[ -n $server ]]; then
        kill "$server" 2> /dev/null || true
        wait "$server" 2> /dev/null || true
        server=
    fi
}
trap 'stop; rm -f "$home"/*.fifo' EXIT

# Starts a server, and waits until it has said both of its ports. Its standard input ends with this script, whatever becomes of
# that, and the server with it.
start() {
    local input=$home/$1.in.fifo output=$home/$1.out.fifo
    rm -f "$input" "$output"
    mkfifo "$input" "$output"
    case $1 in
        websockets) exec "$venv/bin/python" tests/interop/websockets_server.py ;;
        ws) exec node tests/interop/ws_server.mjs "$modules" ;;
    esac < "$input" > "$output" 2> "$home/$1.log" &
    server=$!
    exec 8> "$input" 9< "$output"
    plain= deflate=
    local name port
    while [[ -z $plain || -z $deflate ]] && read -r -t 60 -u 9 name port; do
        case $name in
            plain) plain=$port ;;
            deflate) deflate=$port ;;
        esac
    done
    if [[ -z $plain || -z $deflate ]]; then
        printf 'the server %s does not start:\n' "$1" >&2
        cat "$home/$1.log" >&2
        exit 1
    fi
}

cargo build --quiet --release -p steadfast-tests --example interop
client=$target/release/examples/interop
((${#transports[@]})) || mapfile -t transports < <("$client" transports)
((${#engines[@]})) || engines=(native tungstenite)

said=$home/said
: > "$said"
for name in "${servers[@]}"; do
    install "$name"
    start "$name"
    for transport in "${transports[@]}"; do
        for engine in "${engines[@]}"; do
            for mode in plain deflate; do
                code=0
                timeout "$patience" "$client" "ws://127.0.0.1:${!mode}" "$transport" "$engine" "$mode" |
                    while read -r line; do
                        printf '%-11s %-10s %-12s %-8s %s\n' "$name" "$transport" "$engine" "$mode" "$line"
                    done | tee -a "$said" || code=$?
                if ((code > 1)); then
                    printf '%-11s %-10s %-12s %-8s failed: did not run to its end (exit code %d)\n' \
                        "$name" "$transport" "$engine" "$mode" "$code" | tee -a "$said"
                fi
            done
        done
    done
    stop
done

passed=$(grep -cE '^(\S+ +){4}ok:' "$said" || true)
failed=$(grep -cE '^(\S+ +){4}failed:' "$said" || true)
printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0 && passed > 0))
