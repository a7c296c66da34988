/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: whatever is not ready is polled together with a clock, so that no wait is for good. */
#include "platform/keyvalue/tcp.h"

#include <provider.h>
#include <stdlib.h>
#include <string.h>

static struct {
    bool open;
    wasi_sockets_tcp_own_tcp_socket_t socket;
    wasi_io_streams_own_input_stream_t in;
    wasi_io_streams_own_output_stream_t out;
} line;

static bool fail(struct bytes *why, const char *what)
{
    tcp_close();
    *why = sentence("%s", what);
    return false;
}

/* Takes the pollable over. Return: whether it was ready in time. */
static bool wait_for(wasi_io_poll_own_pollable_t what)
{
    wasi_io_poll_own_pollable_t clock =
        wasi_clocks_monotonic_clock_subscribe_duration(TCP_SECONDS * 1000000000ULL);
    wasi_io_poll_borrow_pollable_t both[] = {wasi_io_poll_borrow_pollable(what),
                                             wasi_io_poll_borrow_pollable(clock)};
    wasi_io_poll_list_borrow_pollable_t list = {.ptr = both, .len = 2};
    provider_list_u32_t ready;
    bool in_time;

    wasi_io_poll_poll(&list, &ready);
    in_time = ready.len > 0 && ready.ptr[0] == 0;
    provider_list_u32_free(&ready);
    wasi_io_poll_pollable_drop_own(what);
    wasi_io_poll_pollable_drop_own(clock);
    return in_time;
}

static void forget(wasi_io_streams_stream_error_t *error)
{
    wasi_io_streams_stream_error_free(error);
}

bool tcp_is_open(void)
{
    return line.open;
}

void tcp_close(void)
{
    if (line.open) {
        wasi_io_streams_input_stream_drop_own(line.in);
        wasi_io_streams_output_stream_drop_own(line.out);
        wasi_sockets_tcp_tcp_socket_drop_own(line.socket);
        line.open = false;
    }
}

static wasi_sockets_network_ip_socket_address_t with_port(
    const wasi_sockets_network_ip_address_t *address, uint16_t port)
{
    wasi_sockets_network_ip_socket_address_t whole = {.tag = address->tag};

    if (address->tag == WASI_SOCKETS_NETWORK_IP_ADDRESS_IPV4) {
        whole.val.ipv4.port = port;
        whole.val.ipv4.address = address->val.ipv4;
    } else {
        whole.val.ipv6.port = port;
        whole.val.ipv6.address = address->val.ipv6;
    }
    return whole;
}

static bool finish(wasi_sockets_tcp_own_tcp_socket_t socket)
{
    wasi_sockets_tcp_tuple2_own_input_stream_own_output_stream_t streams;
    wasi_sockets_tcp_error_code_t error;
    wasi_sockets_tcp_borrow_tcp_socket_t borrowed = wasi_sockets_tcp_borrow_tcp_socket(socket);

    if (!wait_for(wasi_sockets_tcp_method_tcp_socket_subscribe(borrowed)) ||
        !wasi_sockets_tcp_method_tcp_socket_finish_connect(borrowed, &streams, &error)) {
        return false;
    }
    line.open = true;
    line.socket = socket;
    line.in = streams.f0;
    line.out = streams.f1;
    return true;
}

static bool connect_to(wasi_sockets_network_borrow_network_t network,
                       const wasi_sockets_network_ip_address_t *address, uint16_t port)
{
    wasi_sockets_network_ip_socket_address_t whole = with_port(address, port);
    wasi_sockets_tcp_own_tcp_socket_t socket;
    wasi_sockets_tcp_error_code_t error;

    if (!wasi_sockets_tcp_create_socket_create_tcp_socket(address->tag, &socket, &error)) {
        return false;
    }
    if (wasi_sockets_tcp_method_tcp_socket_start_connect(wasi_sockets_tcp_borrow_tcp_socket(socket),
                                                         network, &whole, &error) &&
        finish(socket)) {
        return true;
    }
    wasi_sockets_tcp_tcp_socket_drop_own(socket);
    return false;
}

/* Tries what a name resolves to, one after the other. */
static bool connect_any(wasi_sockets_network_borrow_network_t network,
                        wasi_sockets_ip_name_lookup_borrow_resolve_address_stream_t names, uint16_t port)
{
    wasi_sockets_ip_name_lookup_option_ip_address_t address;
    wasi_sockets_ip_name_lookup_error_code_t error;

    for (;;) {
        if (wasi_sockets_ip_name_lookup_method_resolve_address_stream_resolve_next_address(
                names, &address, &error)) {
            if (!address.is_some || connect_to(network, &address.val, port)) {
                return line.open;
            }
        } else if (error != WASI_SOCKETS_NETWORK_ERROR_CODE_WOULD_BLOCK ||
                   !wait_for(wasi_sockets_ip_name_lookup_method_resolve_address_stream_subscribe(names))) {
            return false;
        }
    }
}

bool tcp_open(const char *host, uint16_t port, struct bytes *why)
{
    wasi_sockets_network_own_network_t network = wasi_sockets_instance_network_instance_network();
    wasi_sockets_network_borrow_network_t borrowed = wasi_sockets_network_borrow_network(network);
    wasi_sockets_ip_name_lookup_own_resolve_address_stream_t names;
    wasi_sockets_ip_name_lookup_error_code_t error;
    provider_string_t name;

    provider_string_set(&name, host);
    if (wasi_sockets_ip_name_lookup_resolve_addresses(borrowed, &name, &names, &error)) {
        connect_any(borrowed, wasi_sockets_ip_name_lookup_borrow_resolve_address_stream(names), port);
        wasi_sockets_ip_name_lookup_resolve_address_stream_drop_own(names);
    }
    wasi_sockets_network_network_drop_own(network);
    if (!line.open) {
        *why = sentence("no connection to %s, port %u", host, port);
    }
    return line.open;
}

bool tcp_write(const uint8_t *at, size_t count, struct bytes *why)
{
    wasi_io_streams_borrow_output_stream_t out = wasi_io_streams_borrow_output_stream(line.out);
    wasi_io_streams_stream_error_t error;

    while (count > 0) {
        provider_list_u8_t part;
        uint64_t room;

        if (!wasi_io_streams_method_output_stream_check_write(out, &room, &error)) {
            forget(&error);
            return fail(why, "the server ended the connection");
        }
        if (room == 0) {
            if (!wait_for(wasi_io_streams_method_output_stream_subscribe(out))) {
                return fail(why, "the server reads nothing");
            }
            continue;
        }
        memcpy(&part.ptr, &at, sizeof(at)); /* it is only read */
        part.len = room < count ? (size_t)room : count;
        if (!wasi_io_streams_method_output_stream_write(out, &part, &error)) {
            forget(&error);
            return fail(why, "the server ended the connection");
        }
        at += part.len;
        count -= part.len;
    }
    if (!wasi_io_streams_method_output_stream_flush(out, &error)) {
        forget(&error);
        return fail(why, "the server ended the connection");
    }
    return true;
}

bool tcp_read(uint8_t *into, size_t most, size_t *ret_count, struct bytes *why)
{
    wasi_io_streams_borrow_input_stream_t in = wasi_io_streams_borrow_input_stream(line.in);
    wasi_io_streams_stream_error_t error;
    provider_list_u8_t got;

    for (;;) {
        if (!wasi_io_streams_method_input_stream_read(in, most, &got, &error)) {
            forget(&error);
            return fail(why, "the server ended the connection");
        }
        if (got.len > 0) {
            break;
        }
        if (!wait_for(wasi_io_streams_method_input_stream_subscribe(in))) {
            return fail(why, "the server does not answer");
        }
    }
    memcpy(into, got.ptr, got.len);
    *ret_count = got.len;
    provider_list_u8_free(&got);
    return true;
}
