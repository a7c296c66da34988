#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The network of a component: sockets and names of its own namespace, and no others.
. "$(dirname "$0")/../lib/scenario.sh"

# Two namespaces of one address range; in each somebody at 10.0.0.1:7000 and [fd00::1]:7000 who says
# where it is.
SERVERS=()
server_in() { # NETNS
    ip netns add "$1"
    ip -n "$1" link set lo up
    ip -n "$1" address add 10.0.0.1/24 dev lo
    ip -n "$1" address add fd00::1/64 dev lo nodad
    ip netns exec "$1" python3 - "$1" >"$E2E_DIR/$1.log" 2>&1 <<'PY' &
import socket, sys, threading
name = sys.argv[1].encode() + b"\n"
def packets(udp):
    while True:
        udp.sendto(name, udp.recvfrom(64)[1])
def streams(tcp):
    while True:
        peer = tcp.accept()[0]
        peer.sendall(name if peer.recv(64) == b"ping\n" else b"what?\n")
        peer.close()
for family, place in ((socket.AF_INET, "10.0.0.1"), (socket.AF_INET6, "fd00::1")):
    udp = socket.socket(family, socket.SOCK_DGRAM)
    udp.bind((place, 7000))
    tcp = socket.create_server((place, 7000), family=family)
    threading.Thread(target=packets, args=(udp,), daemon=True).start()
    threading.Thread(target=streams, args=(tcp,), daemon=True).start()
print("ready", flush=True)
threading.Event().wait()
PY
    SERVERS+=($!)
    wait_for 20 grep -q ready "$E2E_DIR/$1.log"
}

end_servers() {
    local pid
    for pid in "${SERVERS[@]}"; do
        kill "$pid"
        wait "$pid" || :
    done 2>/dev/null
    ip netns del "$E2E_NS-a"
    ip netns del "$E2E_NS-b"
}

within() { # a|b ID FLAG... -- ARG...: the guest in that namespace
    local flags=(--with-ns "network:/run/netns/$E2E_NS-$1") id=$2
    shift 2
    while [ "$1" != -- ]; do
        flags+=("$1")
        shift
    done
    run_component "${flags[@]}" -- "$(publish net)" "$id" "${@:2}"
}

same_addresses() {
    local where
    for where in a b; do
        ends_with 0 within "$where" "tcp-$where" -- tcp 10.0.0.1:7000
        holds "$OUTPUT" "$E2E_NS-$where"
        ends_with 0 within "$where" "udp-$where" -- udp 10.0.0.1:7000
        holds "$OUTPUT" "10.0.0.1:7000 $E2E_NS-$where"
    done
}

same_addresses_by_ipv6() {
    local where
    for where in a b; do
        ends_with 0 within "$where" "tcp6-$where" -- tcp '[fd00::1]:7000'
        holds "$OUTPUT" "$E2E_NS-$where"
        ends_with 0 within "$where" "udp6-$where" -- udp '[fd00::1]:7000'
        holds "$OUTPUT" "$E2E_NS-$where"
    done
}

who() { # a|b ID FLAG... -- ADDRESS:PORT: a component of WASI 0.3 asks there
    local id=$2 where=$1
    shift 2
    local flags=()
    while [ "$1" != -- ]; do
        flags+=("$1")
        shift
    done
    ends_with 0 run_component --with-ns "network:/run/netns/$E2E_NS-$where" "${flags[@]}" -- \
        "$(publish raider3)" "$id" who "$2"
}

sockets_of_03() {
    local where place
    for where in a b; do
        for place in 10.0.0.1:7000 '[fd00::1]:7000'; do
            who "$where" "three-$where-${#place}" -- "$place"
            holds "$OUTPUT" "tcp Ok(\"$E2E_NS-$where\")"
            holds "$OUTPUT" "udp Ok(\"$E2E_NS-$where\")"
        done
    done
    who a three-other --annotation skep.dev/network=10.0.0.1:7001 -- 10.0.0.1:7000
    holds "$OUTPUT" 'tcp Err(ErrorCode::AccessDenied'
    holds "$OUTPUT" 'udp Err(ErrorCode::AccessDenied'
}

listens() { ip netns exec "$1" grep -q ":$(printf %04X "$2") 00000000:0000 0A" /proc/net/tcp; }

localhost_of_a_pod() {
    start_component --with-ns "network:/run/netns/$E2E_NS-a" -- "$(publish net)" listener listen 127.0.0.1:7100
    wait_for 20 listens "$E2E_NS-a" 7100
    ends_with 1 within b other-localhost -- tcp 127.0.0.1:7100
    holds "$OUTPUT" ConnectionRefused
    ends_with 0 within a same-localhost -- tcp 127.0.0.1:7100
    holds "$OUTPUT" hello
    [ "$(exit_code_of listener)" = 0 ]
}

refused_by_the_peer() {
    ends_with 1 within a refused -- tcp 10.0.0.1:7999
    holds "$OUTPUT" ConnectionRefused
}

nobody_elsewhere() {
    local ref
    ref=$(publish net)
    ends_with 1 run_component -- "$ref" alone tcp 10.0.0.1:7000
    lacks "$OUTPUT" "$E2E_NS"
}

names_of_the_mount() {
    printf '10.0.0.1 vault vault.local\n' >"$E2E_DIR/hosts"
    ends_with 0 within a names --mount "type=bind,src=$E2E_DIR/hosts,dst=/etc/hosts,options=rbind:ro" -- \
        lookup vault.local
    holds "$OUTPUT" 10.0.0.1
    ends_with 0 within a by-name --mount "type=bind,src=$E2E_DIR/hosts,dst=/etc/hosts,options=rbind:ro" -- \
        tcp vault:7000
    holds "$OUTPUT" "$E2E_NS-a"
}

none_at_all() {
    ends_with 1 within a none --annotation skep.dev/network=none -- tcp 10.0.0.1:7000
    holds "$OUTPUT" PermissionDenied
}

allow_list() {
    ends_with 0 within a listed --annotation skep.dev/network=10.0.0.1:7000 -- tcp 10.0.0.1:7000
    ends_with 0 within a range --annotation skep.dev/network=10.0.0.0/24 -- udp 10.0.0.1:7000
    ends_with 1 within a unlisted --annotation skep.dev/network=10.0.0.1:7001 -- tcp 10.0.0.1:7000
    lacks "$OUTPUT" "$E2E_NS"
    ends_with 1 within a other --annotation skep.dev/network=10.1.0.0/16 -- tcp 10.0.0.1:7000
    fails within a wrong --annotation skep.dev/network=10.0.0.1:99999 -- tcp 10.0.0.1:7000
    holds "$OUTPUT" 99999
}

# An HTTPS server at 10.0.0.1:7443 of network a, whose certificate is its own authority.
https_server() {
    mkdir -p "$E2E_DIR/certs" "$E2E_DIR/tls"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=vault \
        -addext subjectAltName=DNS:vault -addext basicConstraints=critical,CA:FALSE \
        -keyout "$E2E_DIR/tls/key" -out "$E2E_DIR/certs/ca-certificates.crt" 2>"$E2E_DIR/openssl.log"
    ip netns exec "$E2E_NS-a" python3 - "$E2E_DIR" >"$E2E_DIR/https.log" 2>&1 <<'PY' &
import http.server, ssl, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(204)
        self.end_headers()
server = http.server.ThreadingHTTPServer(("10.0.0.1", 7443), Answer)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f"{sys.argv[1]}/certs/ca-certificates.crt", f"{sys.argv[1]}/tls/key")
server.socket = context.wrap_socket(server.socket, server_side=True)
print("ready", flush=True)
server.serve_forever()
PY
    SERVERS+=($!)
    wait_for 20 grep -q ready "$E2E_DIR/https.log"
}

fetch() { # ID FLAG...: the guest asks https://vault:7443/
    local id=$1
    printf '10.0.0.1 vault\n' >"$E2E_DIR/vault-hosts"
    ends_with 0 run_component --with-ns "network:/run/netns/$E2E_NS-a" \
        --mount "type=bind,src=$E2E_DIR/vault-hosts,dst=/etc/hosts,options=rbind:ro" "${@:2}" -- \
        "$(publish raider)" "$id" fetch https://vault:7443/
}

trust_store() {
    fetch no-trust
    holds "$OUTPUT" TlsCertificateError
    fetch folder-trust --mount "type=bind,src=$E2E_DIR/certs,dst=/etc/ssl/certs,options=rbind:ro"
    holds "$OUTPUT" "Ok(204)"
    fetch chosen-trust --mount "type=bind,src=$E2E_DIR/certs,dst=/my/certs,options=rbind:ro" \
        --env SSL_CERT_FILE=/my/certs/ca-certificates.crt
    holds "$OUTPUT" "Ok(204)"
}

scenario_begin
server_in "$E2E_NS-a"
server_in "$E2E_NS-b"
check "two networks of the same addresses: each component meets its own" same_addresses
check "the same by IPv6" same_addresses_by_ipv6
check "the same by the sockets of WASI 0.3, and an allow list" sockets_of_03
check "containers of one network meet at localhost, others do not" localhost_of_a_pod
check "a refused connection is the guest's to see" refused_by_the_peer
check "a network of its own reaches nobody" nobody_elsewhere
check "names come from the mounted hosts file" names_of_the_mount
check "skep.dev/network: none" none_at_all
check "skep.dev/network: an allow list" allow_list
https_server
check "an outgoing request by TLS believes the container's own trust store" trust_store
end_servers
scenario_end
