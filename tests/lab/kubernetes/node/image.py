#!/usr/bin/env python3
"""image.py NAME:TAG... -- PATH=FILE|PATH@TARGET...: writes a container image of one layer, as `ctr images import` reads it.

A file comes with the libraries it is linked with; PATH@TARGET is a symbolic link. Without links, the first path
is the entry point.
"""
import hashlib
import io
import json
import os
import platform
import re
import subprocess
import sys
import tarfile


def libraries(file):
    said = subprocess.run(['ldd', file], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    return re.findall(r'(/\S+) \(0x', said)


def add(archive, path, data=b'', **what):
    entry = tarfile.TarInfo(path.lstrip('/'))
    entry.size = len(data)
    for name, value in what.items():
        setattr(entry, name, value)
    archive.addfile(entry, io.BytesIO(data))


def layer(files, links):
    for file in list(files.values()):
        files.update((x, os.path.realpath(x)) for x in libraries(file))
    folders = {'/etc', '/run', '/var'}
    for path in [*files, *links]:
        while (path := os.path.dirname(path)) != '/':
            folders.add(path)
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode='w') as archive:
        for path in sorted(folders):
            add(archive, path, type=tarfile.DIRTYPE, mode=0o755)
        add(archive, '/tmp', type=tarfile.DIRTYPE, mode=0o1777)
        add(archive, '/etc/passwd', b'root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n', mode=0o644)
        add(archive, '/etc/group', b'root:x:0:\nnogroup:x:65534:\n', mode=0o644)
        for path, target in links.items():
            add(archive, path, type=tarfile.SYMTYPE, linkname=target)
        for path, file in files.items():
            with open(file, 'rb') as f:
                add(archive, path, f.read(), mode=0o755)
    return made.getvalue()


def main():
    split = sys.argv.index('--')
    names, paths = sys.argv[1:split], sys.argv[split + 1:]
    files = dict(x.split('=', 1) for x in paths if '@' not in x)
    links = dict(x.split('@', 1) for x in paths if '@' in x)
    entry = next(iter(files))
    content = layer(files, links)
    digest = hashlib.sha256(content).hexdigest()
    arch = {'x86_64': 'amd64', 'aarch64': 'arm64'}.get(platform.machine(), platform.machine())
    path = 'PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
    config = json.dumps({'architecture': arch, 'os': 'linux',
                         'config': {'Entrypoint': None if links else [entry], 'Env': [path], 'WorkingDir': '/'},
                         'rootfs': {'type': 'layers', 'diff_ids': ['sha256:' + digest]}}).encode()
    manifest = [{'Config': 'config.json', 'RepoTags': names, 'Layers': ['layer.tar']}]
    with tarfile.open(fileobj=sys.stdout.buffer, mode='w|') as archive:
        add(archive, 'manifest.json', json.dumps(manifest).encode())
        add(archive, 'config.json', config)
        add(archive, 'layer.tar', content)


main()
