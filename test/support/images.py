# SPDX-License-Identifier: Apache-2.0
"""skep-images as its client sees it: packets over a socket that it finds as descriptor 3."""
import os
import pathlib
import socket
import struct
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SKEP_BUILD", TOP / "build/release"))
FIND, FOUND, HASH, FAILED = 2, 3, 4, 5
FORMS = ["artifact", "layer", "tar", "none"]


def _text(value):
    return struct.pack("<I", len(value)) + value.encode()


class Answer:
    """form, manifest, component and fd; or kind, errno and text of a failure."""

    def __init__(self, packet, fds):
        self.fd = fds[0] if fds else None
        self.failed = packet[0] == FAILED
        self.id = struct.unpack_from("<I", packet, 1)[0]
        at = 5
        self.form = self.kind = packet[at]
        at += 1
        if self.failed:
            self.errno = struct.unpack_from("<I", packet, at)[0]
            at += 4
        texts = []
        while at < len(packet):
            length = struct.unpack_from("<I", packet, at)[0]
            texts.append(packet[at + 4:at + 4 + length].decode())
            at += 4 + length
        if self.failed:
            (self.text,) = texts
        else:
            self.form = FORMS[self.form]
            self.manifest, self.component = texts

    def bytes(self):
        """The component's bytes; closes the descriptor."""
        data = os.pread(self.fd, 1 << 30, 0)
        os.close(self.fd)
        return data


class Images:
    def __init__(self, address, program=None):
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(30)
        # By bash and not by preexec_fn, which forks: some grpcio never comes back from that.
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec "$0" "$1" 3<&{theirs.fileno()}', program or BUILD / "bin/skep-images", address],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, pass_fds=(theirs.fileno(),))
        theirs.close()
        self.last = 0

    def ask(self, kind, space="", container="", fds=()):
        self.last += 1
        packet = bytes([kind]) + struct.pack("<I", self.last) + _text(space) + _text(container)
        socket.send_fds(self.socket, [packet], list(fds))
        return self.last

    def answer(self):
        packet, fds, _, _ = socket.recv_fds(self.socket, 4096, 4)
        return Answer(packet, fds) if packet else None

    def find(self, container, space="default"):
        self.ask(FIND, space, container)
        return self.answer()

    def hash(self, path):
        with open(path, "rb") as file:
            self.ask(HASH, fds=[file.fileno()])
        return self.answer()

    def ended(self):
        """Its exit status, once it has ended by itself."""
        return self.process.wait(30)

    def close(self):
        self.socket.close()
        status = self.process.wait(30)
        self.process.stderr.close()
        return status
