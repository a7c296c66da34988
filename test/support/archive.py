# SPDX-License-Identifier: Apache-2.0
"""OCI image archives for `ctr image import`: ordinary images of a few files."""
import hashlib
import io
import json
import platform
import tarfile

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def _tar(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o755
            tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


def image_archive(path, name, files, args):
    """Writes an archive at path that holds one image of the given name. Return: the digest of its layer."""
    blobs = {}

    def described(media, data):
        digest = hashlib.sha256(data).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = data
        return {"mediaType": media, "digest": f"sha256:{digest}", "size": len(data)}

    layer = _tar(files)
    config = json.dumps({"architecture": ARCHITECTURE, "os": "linux", "config": {"Entrypoint": args},
                         "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}})
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": described("application/vnd.oci.image.config.v1+json", config.encode()),
        "layers": [described("application/vnd.oci.image.layer.v1.tar", layer)]})
    top = described("application/vnd.oci.image.manifest.v1+json", manifest.encode())
    top["annotations"] = {"io.containerd.image.name": name}
    index = json.dumps({"schemaVersion": 2, "manifests": [top]})
    blobs["index.json"] = index.encode()
    blobs["oci-layout"] = b'{"imageLayoutVersion":"1.0.0"}'
    path.write_bytes(_tar(blobs))
    return "sha256:" + hashlib.sha256(layer).hexdigest()
