// SPDX-License-Identifier: Apache-2.0
// server-js: an HTTP server in JavaScript (QuickJS) for WASI 0.3. `/` greets with the environment's
// NAME, `/env` and `/headers` list, `/echo` streams the body back, `/json` is computed, `/throw` fails.

import { getEnvironment } from "wasi:cli/environment@0.3.0";
import { Fields, Request, Response } from "wasi:http/types@0.3.0";

function encode(text) {
    return Uint8Array.from(unescape(encodeURIComponent(text)), (letter) => letter.charCodeAt(0));
}

function decode(bytes) {
    return decodeURIComponent(escape(String.fromCharCode(...bytes)));
}

function lines(pairs) {
    return pairs.map(([name, value]) => `${name}=${value}\n`).sort().join("");
}

async function* once(text) {
    yield encode(text);
}

function noTrailers() {
    return Promise.resolve({ tag: "ok", val: null });
}

function respond(status, body) {
    const fields = new Fields();

    fields.append("content-type", encode("text/plain"));
    const [response] = Response.new(fields, body, noTrailers());
    response.setStatusCode(status);
    return response;
}

function echo(request) {
    const [body] = Request.consumeBody(request, Promise.resolve({ tag: "ok" }));

    return respond(200, body);
}

export const handler = {
    async handle(request) {
        const path = (request.getPathWithQuery() ?? "/").split("?")[0];

        switch (path) {
        case "/": {
            const name = getEnvironment().find(([key]) => key === "NAME")?.[1] ?? "nobody";
            return respond(200, once(`Hello from JavaScript, ${name}!\n`));
        }
        case "/env":
            return respond(200, once(lines(getEnvironment())));
        case "/headers": {
            const entries = request.getHeaders().copyAll();
            return respond(200, once(lines(entries.map(([name, value]) => [name, decode(value)]))));
        }
        case "/echo":
            return echo(request);
        case "/json":
            return respond(200, once(`${JSON.stringify({ path, sum: [1, 2, 3].reduce((a, b) => a + b) })}\n`));
        case "/throw":
            throw new Error("as asked");
        default:
            return respond(404, once(`no such path: ${path}\n`));
        }
    },
};
