#!/usr/bin/env bash
# A client and a server in network namespaces of their own, and a way between them that swallows packets: nobody is told, neither
# by RST nor by FIN, and a client that only waits would wait for ever.
#
#     tests/netns.sh
#
# Needs cargo, root and `ip`. Breaks the way by what there is: a firewall that drops (nft, iptables), and the link's other end
# taken down. Then the network itself changes, and what the machine says of that is compared. Prints what was tried, and last one line `N passed, N failed`; the exit code is 0 if none failed. Where no
# namespace can be made, a line `NOT RUN: ...` says why, and the exit code is 77: the caller decides what that means.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

not_run() {
    printf '\nNOT RUN: half-open peers in network namespaces: %s\n\n' "$1"
    exit 77
}

[[ $(id -u) == 0 ]] || not_run 'root is needed'
command -v ip > /dev/null || not_run 'there is no `ip` (Debian: iproute2)'

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
cargo build --quiet --release -p steadfast-tests --example netns --example signals
program=$target/release/examples/netns signals=$target/release/examples/signals

# For documentation (RFC 5737), so that nothing on this machine or near it is meant.
near=192.0.2.1 far=192.0.2.2 port=9001
here=steadfast-$$-near there=steadfast-$$-far
home=$(mktemp -d)
server=

cleanup() {
    if [[ -n $server ]]; then
        kill "$server" 2> /dev/null || true
        wait "$server" 2> /dev/null || true
    fi
    ip netns delete "$here" 2> /dev/null || true
    ip netns delete "$there" 2> /dev/null || true
    rm -rf "$home"
}
trap cleanup EXIT

{ ip netns add "$here" && ip netns add "$there"; } 2> "$home/said" || not_run "no namespace can be made: $(< "$home/said")"
ip link add near netns "$here" type veth peer name far netns "$there" 2> "$home/said" ||
    not_run "no link can be made: $(< "$home/said")"
ip -n "$here" address add "$near/30" dev near
ip -n "$there" address add "$far/30" dev far
ip -n "$here" link set near up
ip -n "$there" link set far up

# Its standard input ends with this script, and the server with it.
mkfifo "$home/in" "$home/out"
ip netns exec "$there" "$program" serve "$far:$port" < "$home/in" > "$home/out" &
server=$!
exec 8> "$home/in" 9< "$home/out"
read -r -t 30 -u 9 line && [[ $line == listening* ]] || {
    printf 'the server does not start\n' >&2
    exit 1
}

passed=0 failed=0
# watch WORDS CUT MEND
watch() {
    printf '%s\n' "$1"
    timeout 300 ip netns exec "$here" "$program" watch "ws://$far:$port/" "$2" "$3" > "$home/said" || true
    sed '/ passed, .* failed$/d; s/^/  /' "$home/said"
    if [[ $(tail -n 1 "$home/said") =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
        passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
    else
        printf '  did not run to its end\n'
        failed=$((failed + 1))
    fi
}

near_ns="ip netns exec $here"
if $near_ns nft list ruleset > /dev/null 2>&1; then
    table='table inet steadfast'
    watch 'a firewall drops everything (nft)' \
        "nft 'add $table; add chain inet steadfast out { type filter hook output priority 0; policy drop; }; add chain inet steadfast in { type filter hook input priority 0; policy drop; }'" \
        "nft 'add $table; delete $table'"
elif $near_ns iptables -n -L > /dev/null 2>&1; then
    watch 'a firewall drops everything (iptables)' \
        'iptables -w -A OUTPUT -j DROP && iptables -w -A INPUT -j DROP' 'iptables -w -F'
fi
watch 'the other end of the link is down' \
    "ip -n $there link set far down" "ip -n $there link set far up"

printf 'what the machine says of its network\n'
timeout 300 ip netns exec "$here" "$signals" \
    offline 'ip link set near down' \
    online 'ip link set near up' \
    changed 'ip address add 198.51.100.1/24 dev near' \
    changed 'ip route add default via 198.51.100.2' \
    offline "ip -n $there link set far down" \
    online "ip -n $there link set far up" \
    nothing 'ip link set lo up && ip address add 198.51.100.9/32 dev lo' \
    nothing 'ip link set near down && ip link set near up && ip route replace default via 198.51.100.2' \
    offline 'ip address flush dev near' \
    > "$home/said" || true
sed '/ passed, .* failed$/d; s/^/  /' "$home/said"
if [[ $(tail -n 1 "$home/said") =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
    passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
else
    printf '  did not run to its end\n'
    failed=$((failed + 1))
fi

printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0 && passed > 0))
