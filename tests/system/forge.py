"""Makes images that no decent tool makes (security.md 2A), for the tests beside it.

    python3 - <<'PY'
    from forge import *
    layout('image', [tar([entry('etc/passwd', fifo)])], {'User': 'x'})
    PY
"""
import gzip
import hashlib
import json
import os
import tarfile

regular, hard, symlink, char, block, folder, fifo = (tarfile.REGTYPE, tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE,
                                                     tarfile.BLKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE)


def entry(name, kind=regular, link='', data=b'', mode=None, pax=None, device=(0, 0), uid=0):
    """Header and padded content of one member."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size, info.pax_headers, info.uid = kind, link, len(data), pax or {}, uid
    info.mode = mode if mode is not None else (0o755 if kind == folder else 0o644)
    info.devmajor, info.devminor = device
    return info.tobuf(tarfile.PAX_FORMAT, 'utf-8', 'surrogateescape') + data + b'\0' * (-len(data) % 512)


def tar(entries):
    return b''.join(entries) + bytes(1024)


def program_layer(extra=()):
    """busybox and some of its links, and what the caller adds."""
    with open('/bin/busybox', 'rb') as file:
        entries = [entry('bin', folder), entry('bin/busybox', data=file.read(), mode=0o755)]
    for name in ('sh', 'cat', 'ls', 'id', 'pwd', 'echo', 'true', 'touch', 'mkdir', 'ln', 'rm', 'env', 'stat', 'sleep', 'seq', 'wc',
                 'dd', 'chmod', 'head', 'mv', 'mkfifo', 'grep', 'printf', 'sed', 'chown', 'find', 'test', 'kill', 'yes', 'mount',
                 'unshare', 'setsid', 'nc', 'mknod', 'date', 'tr', 'readlink', 'cp', 'awk'):
        entries.append(entry('bin/' + name, symlink, 'busybox'))
    return tar(entries + list(extra))


def digest(data):
    return 'sha256:' + hashlib.sha256(data).hexdigest()


def layout(path, layers, config=None, whole_config=None, change_manifest=None, name='evil:1'):
    """An OCI layout of one image. `whole_config` (bytes) stands in for the config that is made from `config`."""
    os.makedirs(path + '/blobs/sha256', exist_ok=True)

    def put(data):
        with open(f'{path}/blobs/sha256/{digest(data)[7:]}', 'wb') as file:
            file.write(data)
        return {'digest': digest(data), 'size': len(data)}

    descriptors = [{'mediaType': 'application/vnd.oci.image.layer.v1.tar+gzip', **put(gzip.compress(layer, 1, mtime=0))}
                   for layer in layers]
    document = {'architecture': 'amd64', 'os': 'linux', 'config': {'Env': ['PATH=/bin'], **(config or {})},
                'rootfs': {'type': 'layers', 'diff_ids': [digest(layer) for layer in layers]}}
    data = whole_config if whole_config is not None else json.dumps(document).encode()
    manifest = {'schemaVersion': 2, 'mediaType': 'application/vnd.oci.image.manifest.v1+json',
                'config': {'mediaType': 'application/vnd.oci.image.config.v1+json', **put(data)}, 'layers': descriptors}
    if change_manifest:
        change_manifest(manifest)
    entry_of_index = {'mediaType': manifest['mediaType'], **put(json.dumps(manifest).encode()),
                      'annotations': {'io.containerd.image.name': 'docker.io/library/' + name}}
    with open(path + '/oci-layout', 'w') as file:
        file.write('{"imageLayoutVersion":"1.0.0"}')
    with open(path + '/index.json', 'w') as file:
        json.dump({'schemaVersion': 2, 'manifests': [entry_of_index]}, file)
