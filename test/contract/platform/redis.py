# SPDX-License-Identifier: Apache-2.0
"""A server that speaks as much of Redis's protocol as a store needs, and can misbehave."""
import fnmatch
import socketserver
import threading


class Server:
    def __init__(self, password=None, odd=None):
        self.kept, self.password, self.odd = {}, password, odd
        self.connections = 0
        self.answered = 0
        self.hang_up_after = None
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                outer.connections += 1
                self.known = outer.password is None
                while True:
                    line = self.rfile.readline()
                    if not line:
                        return
                    words = []
                    for _ in range(int(line[1:])):
                        length = int(self.rfile.readline()[1:])
                        words.append(self.rfile.read(length + 2)[:-2])
                    self.wfile.write(outer.odd or outer.answer(self, *words))
                    outer.answered += 1
                    if outer.answered == outer.hang_up_after:
                        return

        class Threads(socketserver.ThreadingTCPServer):
            daemon_threads = True

        self.server = Threads(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, who, verb, *words):
        if verb == b"AUTH":
            who.known = words == (self.password,)
            return b"+OK\r\n" if who.known else b"-WRONGPASS invalid\r\n"
        if not who.known:
            return b"-NOAUTH Authentication required.\r\n"
        return getattr(self, verb.decode().lower())(*words)

    @staticmethod
    def bulk(value):
        return b"$-1\r\n" if value is None else b"$%d\r\n%s\r\n" % (len(value), value)

    def get(self, key):
        return self.bulk(self.kept.get(key))

    def set(self, key, value):
        self.kept[key] = value
        return b"+OK\r\n"

    def delete(self, key):
        return b":%d\r\n" % (self.kept.pop(key, None) is not None)

    def exists(self, key):
        return b":%d\r\n" % (key in self.kept)

    def scan(self, cursor, _, pattern, __, count):
        keys, at = sorted(self.kept), int(cursor)
        end = at + int(count)
        found = [key for key in keys[at:end] if fnmatch.fnmatchcase(key.decode("latin1"), pattern.decode())]
        following = b"%d" % (end if end < len(keys) else 0)
        return b"*2\r\n%s*%d\r\n%s" % (self.bulk(following), len(found), b"".join(map(self.bulk, found)))

    def close(self):
        self.server.shutdown()
        self.server.server_close()


setattr(Server, "del", Server.delete)
