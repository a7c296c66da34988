# SPDX-License-Identifier: Apache-2.0
"""Protobuf by tables: containerd's messages as the tests know them, written independently of
shim/proto so that a wrong field number there is seen."""

U32, U64, I64, BOOL, STR, BYTES = "u32", "u64", "i64", "bool", "str", "bytes"

# message: {field: (number, type)}; a type in brackets repeats; a name of the table is a message
TABLE = {
    "Any": {"type_url": (1, STR), "value": (2, BYTES)},
    "Timestamp": {"seconds": (1, I64), "nanos": (2, I64)},
    "Pair": {"key": (1, STR), "value": (2, STR)},
    "Mount": {"type": (1, STR), "source": (2, STR), "target": (3, STR), "options": (4, [STR])},
    # ttrpc
    "Request": {"service": (1, STR), "method": (2, STR), "payload": (3, BYTES),
                "timeout_nano": (4, I64), "metadata": (5, ["Pair"])},
    "Status": {"code": (1, U32), "message": (2, STR)},
    "Response": {"status": (1, "Status"), "payload": (2, BYTES)},
    # containerd.task.v2 and v3
    "CreateTaskRequest": {"id": (1, STR), "bundle": (2, STR), "rootfs": (3, ["Mount"]),
                          "terminal": (4, BOOL), "stdin": (5, STR), "stdout": (6, STR),
                          "stderr": (7, STR), "checkpoint": (8, STR), "options": (10, "Any")},
    "CreateTaskResponse": {"pid": (1, U32)},
    "StateResponse": {"id": (1, STR), "bundle": (2, STR), "pid": (3, U32), "status": (4, U32),
                      "stdin": (5, STR), "stdout": (6, STR), "stderr": (7, STR),
                      "terminal": (8, BOOL), "exit_status": (9, U32),
                      "exited_at": (10, "Timestamp"), "exec_id": (11, STR)},
    "IdRequest": {"id": (1, STR), "exec_id": (2, STR)},
    "StartResponse": {"pid": (1, U32)},
    "DeleteResponse": {"pid": (1, U32), "exit_status": (2, U32), "exited_at": (3, "Timestamp")},
    "ProcessInfo": {"pid": (1, U32), "info": (2, "Any")},
    "PidsResponse": {"processes": (1, ["ProcessInfo"])},
    "CheckpointTaskRequest": {"id": (1, STR), "path": (2, STR)},
    "KillRequest": {"id": (1, STR), "exec_id": (2, STR), "signal": (3, U32), "all": (4, BOOL)},
    "ExecProcessRequest": {"id": (1, STR), "exec_id": (2, STR), "terminal": (3, BOOL),
                           "stdin": (4, STR), "stdout": (5, STR), "stderr": (6, STR),
                           "spec": (7, "Any")},
    "ResizePtyRequest": {"id": (1, STR), "exec_id": (2, STR), "width": (3, U32),
                         "height": (4, U32)},
    "CloseIORequest": {"id": (1, STR), "exec_id": (2, STR), "stdin": (3, BOOL)},
    "UpdateTaskRequest": {"id": (1, STR), "resources": (2, "Any")},
    "WaitResponse": {"exit_status": (1, U32), "exited_at": (2, "Timestamp")},
    "StatsResponse": {"stats": (1, "Any")},
    "ConnectResponse": {"shim_pid": (1, U32), "task_pid": (2, U32), "version": (3, STR)},
    "ShutdownRequest": {"id": (1, STR), "now": (2, BOOL)},
    "Empty": {},
    # containerd.runtime.sandbox.v1
    "SandboxRequest": {"sandbox_id": (1, STR)},
    "CreateSandboxRequest": {"sandbox_id": (1, STR), "bundle_path": (2, STR), "rootfs": (3, ["Mount"]),
                             "options": (4, "Any"), "netns_path": (5, STR), "annotations": (6, ["Pair"])},
    "StartSandboxResponse": {"pid": (1, U32), "created_at": (2, "Timestamp"), "spec": (3, "Any")},
    "Platform": {"os": (1, STR), "architecture": (2, STR), "variant": (3, STR)},
    "PlatformResponse": {"platform": (1, "Platform")},
    "StopSandboxRequest": {"sandbox_id": (1, STR), "timeout_secs": (2, U32)},
    "SandboxStatusRequest": {"sandbox_id": (1, STR), "verbose": (2, BOOL)},
    "SandboxStatusResponse": {"sandbox_id": (1, STR), "pid": (2, U32), "state": (3, STR),
                              "info": (4, ["Pair"]), "created_at": (5, "Timestamp"),
                              "exited_at": (6, "Timestamp")},
    "Metric": {"timestamp": (1, "Timestamp"), "id": (2, STR), "data": (3, "Any")},
    "SandboxMetricsResponse": {"metrics": (1, "Metric")},
    # runtime.v1 of CRI
    "PodSandboxMetadata": {"name": (1, STR), "uid": (2, STR), "namespace": (3, STR)},
    "DNSConfig": {"servers": (1, [STR]), "searches": (2, [STR]), "options": (3, [STR])},
    "UserNamespace": {"mode": (1, U32)},
    "NamespaceOption": {"network": (1, U32), "pid": (2, U32), "ipc": (3, U32),
                        "userns_options": (5, "UserNamespace")},
    "LinuxSandboxSecurityContext": {"namespace_options": (1, "NamespaceOption")},
    "LinuxPodSandboxConfig": {"security_context": (2, "LinuxSandboxSecurityContext"),
                              "sysctls": (3, ["Pair"])},
    "PodSandboxConfig": {"metadata": (1, "PodSandboxMetadata"), "hostname": (2, STR),
                         "dns_config": (4, "DNSConfig"), "annotations": (7, ["Pair"]),
                         "linux": (8, "LinuxPodSandboxConfig")},
    # events
    "Envelope": {"timestamp": (1, "Timestamp"), "namespace": (2, STR), "topic": (3, STR),
                 "event": (4, "Any")},
    "ForwardRequest": {"envelope": (1, "Envelope")},
    "containerd.events.TaskCreate": {"container_id": (1, STR), "bundle": (2, STR),
                                     "rootfs": (3, ["Mount"]), "io": (4, BYTES), "pid": (6, U32)},
    "containerd.events.TaskStart": {"container_id": (1, STR), "pid": (2, U32)},
    "containerd.events.TaskExit": {"container_id": (1, STR), "id": (2, STR), "pid": (3, U32),
                                   "exit_status": (4, U32), "exited_at": (5, "Timestamp")},
    "containerd.events.TaskDelete": {"container_id": (1, STR), "pid": (2, U32),
                                     "exit_status": (3, U32), "exited_at": (4, "Timestamp"),
                                     "id": (5, STR)},
    "containerd.events.TaskOOM": {"container_id": (1, STR)},
    "containerd.events.TaskExecAdded": {"container_id": (1, STR), "exec_id": (2, STR)},
    "containerd.events.TaskExecStarted": {"container_id": (1, STR), "exec_id": (2, STR),
                                          "pid": (3, U32)},
    "containerd.events.TaskPaused": {"container_id": (1, STR)},
    "containerd.events.TaskResumed": {"container_id": (1, STR)},
    # start's stdin from 2.3 on, and -info
    "BootstrapParams": {"instance_id": (1, STR), "namespace": (2, STR),
                        "containerd_version": (4, STR), "containerd_ttrpc_address": (5, STR),
                        "containerd_grpc_address": (6, STR)},
    "RuntimeVersion": {"version": (1, STR), "revision": (2, STR)},
    "RuntimeInfo": {"name": (1, STR), "version": (2, "RuntimeVersion"), "features": (4, "Any")},
    # containers, images, content, introspection over gRPC
    "GetContainerRequest": {"id": (1, STR)},
    "Runtime": {"name": (1, STR)},
    "Container": {"id": (1, STR), "image": (3, STR), "runtime": (4, "Runtime"), "spec": (5, "Any")},
    "GetContainerResponse": {"container": (1, "Container")},
    "GetImageRequest": {"name": (1, STR)},
    "Descriptor": {"media_type": (1, STR), "digest": (2, STR), "size": (3, I64)},
    "Image": {"name": (1, STR), "target": (3, "Descriptor")},
    "GetImageResponse": {"image": (1, "Image")},
    "InfoRequest": {"digest": (1, STR)},
    "Info": {"digest": (1, STR), "size": (2, I64)},
    "InfoResponse": {"info": (1, "Info")},
    "ReadContentRequest": {"digest": (1, STR), "offset": (2, I64), "size": (3, I64)},
    "ReadContentResponse": {"offset": (1, I64), "data": (2, BYTES)},
    "Plugin": {"type": (1, STR), "id": (2, STR), "exports": (5, ["Pair"])},
    "PluginsResponse": {"plugins": (1, ["Plugin"])},
    # metrics, the fields that CRI reads
    "v2.CPU": {"usage_usec": (1, U64), "nr_periods": (4, U64), "nr_throttled": (5, U64),
               "throttled_usec": (6, U64)},
    "v2.Memory": {"anon": (1, U64), "usage": (32, U64), "usage_limit": (33, U64)},
    "v2.Pids": {"current": (1, U64)},
    "v2.Events": {"oom_kill": (5, U64)},
    "io.containerd.cgroups.v2.Metrics": {"pids": (1, "v2.Pids"), "cpu": (2, "v2.CPU"),
                                         "memory": (4, "v2.Memory"),
                                         "memory_events": (8, "v2.Events")},
    "v1.CPUUsage": {"total": (1, U64)},
    "v1.Throttle": {"periods": (1, U64), "throttled_periods": (2, U64), "throttled_time": (3, U64)},
    "v1.CPU": {"usage": (1, "v1.CPUUsage"), "throttling": (2, "v1.Throttle")},
    "v1.MemoryEntry": {"limit": (1, U64), "usage": (2, U64)},
    "v1.Memory": {"rss": (2, U64), "usage": (33, "v1.MemoryEntry")},
    "v1.OOM": {"oom_kill": (3, U64)},
    "io.containerd.cgroups.v1.Metrics": {"pids": (2, "v2.Pids"), "cpu": (3, "v1.CPU"),
                                         "memory": (4, "v1.Memory"),
                                         "memory_oom_control": (9, "v1.OOM")},
}


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        shift += 7
        if byte < 0x80:
            return value, at


def _field(number, kind, value):
    if kind in (U32, U64, I64, BOOL):
        return varint(number << 3) + varint(int(value)) if value else b""
    if kind == STR:
        value = value.encode()
    elif kind != BYTES:
        value = encode(kind, value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def encode(name, values):
    out = b""
    for key, value in values.items():
        number, kind = TABLE[name][key]
        if isinstance(kind, list):
            out += b"".join(_field(number, kind[0], item) for item in value)
        else:
            out += _field(number, kind, value)
    return out


def _default(kind):
    if isinstance(kind, list):
        return []
    return {STR: "", BYTES: b"", BOOL: False}.get(kind, 0 if kind in (U32, U64, I64) else None)


def _value(kind, raw):
    if kind == BOOL:
        return bool(raw)
    if kind == I64:
        return raw - (1 << 64) if raw >> 63 else raw
    if kind == STR:
        return raw.decode()
    if kind in (U32, U64, BYTES):
        return raw
    return decode(kind, raw)


def decode(name, data):
    by_number = {number: (key, kind) for key, (number, kind) in TABLE[name].items()}
    out = {key: _default(kind) for key, (_, kind) in TABLE[name].items()}
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        if tag & 7 == 0:
            raw, at = read_varint(data, at)
        elif tag & 7 == 2:
            length, at = read_varint(data, at)
            raw, at = bytes(data[at:at + length]), at + length
        elif tag & 7 == 1:
            raw, at = data[at:at + 8], at + 8
        else:
            raw, at = data[at:at + 4], at + 4
        if tag >> 3 in by_number:
            key, kind = by_number[tag >> 3]
            if isinstance(kind, list):
                out[key].append(_value(kind[0], raw))
            else:
                out[key] = _value(kind, raw)
    return out
