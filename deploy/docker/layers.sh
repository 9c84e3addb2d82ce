#!/bin/sh
# Prepares the folders that become layers of the image, in the working folder of a build: see Dockerfile. Each layer is
# a whole root: the times of folders that COPY makes by itself would differ from build to build.
#   layers.sh packages | runtime | service | bundle
set -eu
export PYTHONHASHSEED=0 # compiled sets would have another order in each build
library=$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')

# Compiled files that hold no time: Python takes them as they are. $2 is where the folder $1 is in the image.
compile() {
    find "$1" -name __pycache__ -prune -exec rm -r {} +
    python3 -m compileall -q --invalidation-mode unchecked-hash -s "$1" -p "$2" ${3:-} "$1"
}

# The same rights and times whoever builds, and whenever.
settle() {
    chmod -R u=rwX,go=rX "$1"
    find "$1" -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +
}

# What packages test themselves with is left out, and what makes models or extensions and never answers a request.
packages() {
    rm -rf packages/bin packages/onnxruntime/quantization packages/onnxruntime/tools packages/onnxruntime/transformers
    rm -rf packages/numpy/f2py packages/numpy/distutils
    find packages -type d -name tests -prune -exec rm -r {} +
    find packages -name '*.pyi' -delete
    compile packages "$library/site-packages"
    settle packages
}

# The interpreter, its library, the packages, and each shared library that one of them is linked with.
runtime() {
    root=$(pwd)/runtime
    mkdir -p "$root$library" "$root/usr/local/bin" "$root/etc" "$root/tmp"
    cp -L "$(command -v python3)" "$root/usr/local/bin/python3"
    cp -a "$library/." "$root$library"
    (
        cd "$root$library"
        rm -rf site-packages test ./*/test ./*/tests lib-dynload/_test* config-* ensurepip venv distutils lib2to3 pydoc_data
        rm -rf idlelib turtledemo tkinter lib-dynload/_tkinter* curses lib-dynload/_curses* lib-dynload/readline*
        rm -rf dbm lib-dynload/_dbm* lib-dynload/_gdbm* lib-dynload/nis*
    )
    compile "$root$library" "$library" -b
    find "$root$library" -name '*.py' -delete # 10 MB that only a debugger reads
    cp -a packages "$root$library/site-packages"
    libraries
    echo "service:x:10001:10001::/nonexistent:/usr/sbin/nologin" > "$root/etc/passwd"
    echo "service:x:10001:" > "$root/etc/group"
    if [ -f /etc/ssl/certs/ca-certificates.crt ]; then
        cp -L --parents /etc/ssl/certs/ca-certificates.crt "$root"
    fi
    settle "$root"
    chmod 1777 "$root/tmp"
}

# `ldd` names the libraries, those that they need too; one that is missing ends the build.
libraries() {
    linked=$(find "$root" -type f \( -name '*.so' -o -name '*.so.*' -o -path '*/bin/python3' \) -exec ldd {} +)
    if echo "$linked" | grep 'not found'; then
        exit 1
    fi
    echo "$linked" | awk '$3 ~ /^\// { print $3 } $1 ~ /^\/.*[^:]$/ { print $1 }' | sort -u | grep -v "^$root" |
        xargs cp -L --parents --target-directory "$root"
    echo /usr/local/lib > "$root/etc/ld.so.conf"
    ldconfig -r "$root"
    rm -rf "$root/var" # the times of libraries
}

service() {
    compile service/app /app
    mkdir -p written/store written/logs
    settle service
    settle written
}

# A damaged bundle, and one that is not the one of the image's label, end the build.
bundle() {
    folder=bundle/app/models/bundle
    echo "${BUNDLE_SHA256:?give the sha256 of its manifest, as make image does}  $folder/manifest.json" > expected
    sha256sum --check --quiet expected
    PYTHONPATH=service/app/src:packages python3 - "$folder" << 'CHECK'
import sys
from pathlib import Path
from lifecycle.bundle.manifest import verify
from lifecycle.core.errors import run
run(lambda: verify(Path(sys.argv[1])))
CHECK
    settle bundle
}

"$1"
