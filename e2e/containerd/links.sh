#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A pod is a composition: a consumer of secrets, their provider, a database. What the provider has (a token, an
# address, the network) the consumer has not.
. "$(dirname "$0")/../lib/scenario.sh"
. "$(dirname "$0")/../lib/pods.sh"

PATIENCE=30 # compositions are compiled first
READER=
VAULT=
DATABASE=127.0.0.1:8090

# pod NAME: in which the container called app has no network
pod() { cri pod "$1" annotation=skep.dev/network.app=none "${@:2}"; }

# database POD: what the vault asks; it says on its log who asked for what
database() {
    local id
    id=$(cri create "$1" database "$BUSYBOX" "mount=$E2E_DIR/www:/www:ro" -- \
        /bin/busybox httpd -f -vv -p 8090 -h /www)
    cri start "$id"
}

vault() { # POD
    local id
    id=$(cri create "$1" vault "$VAULT" "env=DATABASE=$DATABASE" "mount=$E2E_DIR/token:/secrets:ro" -- /vault.wasm)
    cri start "$id"
}

reader() { # POD WORD...: prints its id
    local id
    id=$(cri create "$1" app "$READER" env=OWN=mine -- /reader.wasm "${@:2}")
    cri start "$id"
    echo "$id"
}

a_secret_is_read() {
    local pod id
    pod=$(pod linked)
    database "$pod"
    vault "$pod"
    id=$(reader "$pod" get password)
    becomes "$id" "exited 0 Completed"
    holds "$(log_of linked app)" "stdout F correct horse"
    holds "$(log_of linked vault)" "stderr F vault: password was handed out"
    fails grep -q handed "$E2E_DIR/log/pods/linked/app.log"
    cri end "$pod"
}

handles_cross() {
    local pod id
    pod=$(pod handles)
    database "$pod"
    vault "$pod"
    id=$(reader "$pod" hold 50 password)
    becomes "$id" "exited 0 Completed"
    holds "$(log_of handles app)" "50 secrets, 700 bytes"
    cri end "$pod"
}

what_the_consumer_has_not() {
    local pod id log
    pod=$(pod walls)
    database "$pod"
    vault "$pod"
    id=$(reader "$pod" try "$DATABASE")
    becomes "$id" "exited 0 Completed"
    log=$(log_of walls app)
    same 3 "$(grep -c ": denied: " <<<"$log")" "attempts that were denied" || { echo "$log"; return 1; }
    # Its own image, in which it is alone.
    same 1 "$(grep -c "GOT" <<<"$log")" "what it got"
    holds "$log" "list /: GOT 1 entries"
    cri end "$pod"
}

the_consumer_comes_first() {
    local pod id
    pod=$(pod first)
    database "$pod"
    id=$(reader "$pod" get password)
    same "running 0 " "$(cri status "$id")" "a consumer that waits"
    wait_for 10 grep -q 'acme:vault/secret-store' "$E2E_DIR/log/pods/first/app.log"
    vault "$pod"
    becomes "$id" "exited 0 Completed"
    holds "$(log_of first app)" "stdout F correct horse"
    cri end "$pod"
}

nobody_provides() {
    local pod id
    pod=$(pod alone annotation=skep.dev/link-wait=1s)
    id=$(reader "$pod" get password)
    becomes "$id" "exited 128 Error"
    holds "$(log_of alone app)" "acme:vault/secret-store@1.0.0"
    cri end "$pod"
}

pods_begin
READER=$(publish reader tar)
VAULT=$(publish vault tar)
mkdir -p "$E2E_DIR/www/secrets" "$E2E_DIR/token"
printf 'correct horse\n' >"$E2E_DIR/www/secrets/password"
echo letmein >"$E2E_DIR/token/token"
check "a consumer reads a secret through its provider, each with its own log" a_secret_is_read
check "fifty handles cross from one component to the other" handles_cross
check "the consumer gets at nothing that is the provider's" what_the_consumer_has_not
check "a consumer that starts first waits for its provider" the_consumer_comes_first
check "where nobody provides, it ends and names what is missing" nobody_provides
pods_end
scenario_end
