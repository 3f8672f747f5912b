#!/usr/bin/env bash
# Runs our clients through proxies written by others: Debian's tinyproxy (HTTP CONNECT) and dante-server (SOCKS5), each with
# and without a password.
#
#     tests/proxies.sh [--transport NAME]
#
# Needs cargo, and root on a Debian: the packages are installed with apt-get unless they are there. The proxies run in a mount
# namespace of their own, where /etc/hosts knows `echo.test` (so that it shows who resolves names), and /etc/passwd the one user
# that may pass; nothing of the machine's is changed. Prints what was tried, and last one line `N passed, N failed`; the exit
# code is 0 if none failed. Where a proxy cannot be had, a line `NOT RUN: ...` says why, and the exit code is 77: the caller
# decides what that means.
#
# What is run is the example `proxies` of the tests. It is told where the proxies are by STEADFAST_HTTP_PROXY,
# STEADFAST_HTTP_PROXY_PASSWORD, STEADFAST_SOCKS_PROXY and STEADFAST_SOCKS_PROXY_PASSWORD (URLs; the last of each pair with user
# and password).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

user=steadfast
password=correct-horse
arguments=()

while (($#)); do
    if [[ $1 != --transport ]] || (($# < 2)); then
        printf 'usage: tests/proxies.sh [--transport NAME]\n' >&2
        exit 2
    fi
    arguments+=("$2")
    shift 2
done

not_run() {
    printf '\nNOT RUN: real proxies: %s\n\n' "$1"
    exit 77
}

[[ $(id -u) == 0 ]] || not_run 'root is needed, for namespaces of their own'
unshare --mount true 2> /dev/null || not_run 'no mount namespace can be made'
if ! command -v tinyproxy > /dev/null || ! command -v danted > /dev/null; then
    command -v apt-get > /dev/null || not_run 'tinyproxy and danted are not installed, and there is no apt-get'
    # In runlevel 1 the packages do not start services of their own.
    log=$(mktemp)
    if ! { apt-get update && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get install -y --no-install-recommends tinyproxy dante-server; } > "$log" 2>&1; then
        tail -n 5 "$log"
        rm -f "$log"
        not_run 'tinyproxy and dante-server cannot be installed'
    fi
    rm -f "$log"
fi

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
cargo build --quiet --release -p steadfast-tests --example proxies
client=$target/release/examples/proxies

home=$(mktemp -d)
running=()
# It is the first process of each namespace that has to be killed: all others in it end with it, but it does not end with
# `unshare`, whose child it is, once it has become another user.
trap 'for one in "${running[@]}"; do kill -KILL $(ps -o pid= --ppid "$one") 2> /dev/null || true; done; wait; rm -rf "$home"' EXIT

printf '127.0.0.1 localhost echo.test\n127.0.0.2 forbidden.test\n' > "$home/hosts"
printf '^forbidden\\.test$\n' > "$home/forbidden"
cp /etc/passwd "$home/passwd"
cp /etc/shadow "$home/shadow"
sed -i "/^$user:/d" "$home/passwd" "$home/shadow"
printf '%s:x:64999:65534::/nonexistent:/usr/sbin/nologin\n' "$user" >> "$home/passwd"
printf '%s:%s:19000:0:99999:7:::\n' "$user" "$(openssl passwd -6 "$password")" >> "$home/shadow"
chmod 600 "$home/shadow"
chmod 755 "$home"

# A port that was free just now.
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Starts a proxy in the background and waits until it says that it is there.
#     start NAME WORDS COMMAND...
start() {
    local name=$1 words=$2
    shift 2
    local fifo=$home/$name.fifo
    mkfifo "$fifo"
    # In a process namespace of its own, so that it ends with all that it forks.
    unshare --mount --pid --fork --kill-child=KILL bash -euc '
        for file in hosts passwd shadow; do mount --bind "$0/$file" "/etc/$file"; done
        exec "$@"' "$home" "$@" > "$fifo" 2>&1 < /dev/null &
    running+=($!)
    local line said=
    exec {from}< "$fifo"
    while read -r -t 20 -u "$from" line; do
        printf '%s\n' "$line" >> "$home/$name.log"
        if [[ $line == *$words* ]]; then
            said=1
            break
        fi
    done
    if [[ -z $said ]]; then
        cat "$home/$name.log" 2> /dev/null || true
        printf 'the proxy %s does not start\n' "$name"
        exit 1
    fi
    cat <&"$from" >> "$home/$name.log" &
    exec {from}<&-
}

http() {
    local name=$1 auth=$2 port
    port=$(free_port)
    sed -e "s/@PORT@/$port/" -e "s|@FORBIDDEN@|$home/forbidden|" -e "s/@AUTH@/$auth/" \
        tests/proxies/tinyproxy.conf > "$home/$name.conf"
    start "$name" 'Accepting connections' tinyproxy -d -c "$home/$name.conf"
    made=127.0.0.1:$port
}

socks() {
    local name=$1 method=$2 port
    port=$(free_port)
    sed -e "s/@PORT@/$port/" -e "s/@METHOD@/$method/" tests/proxies/danted.conf > "$home/$name.conf"
    start "$name" 'running' danted -f "$home/$name.conf" -p "$home/$name.pid"
    made=127.0.0.1:$port
}

http tinyproxy ''
export STEADFAST_HTTP_PROXY=http://$made
http tinyproxy-password "BasicAuth $user $password"
export STEADFAST_HTTP_PROXY_PASSWORD=http://$user:$password@$made
socks danted none
export STEADFAST_SOCKS_PROXY=socks5h://$made
socks danted-password username
export STEADFAST_SOCKS_PROXY_PASSWORD=socks5h://$user:$password@$made

code=0
timeout 300 "$client" "${arguments[@]}" || code=$?
if ((code)); then
    tail -n 20 "$home"/*.log
fi
exit "$code"
