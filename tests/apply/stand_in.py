"""A stand-in for gtune that writes one file, in a way that is told: the sweeps must tell good ways from bad ones.

    stand_in.py apply WAY ROOT    adds a line to etc/fstab
    stand_in.py undo WAY ROOT     takes it back
"""
import os
import sys

VERB, WAY, ROOT = sys.argv[1:4]
FSTAB = os.path.join(ROOT, "etc/fstab")
TEMPORARY = os.path.join(ROOT, "etc/.fstab.gtune-1")
STATE = os.path.join(ROOT, "var/lib/gtune")
BACKUP = os.path.join(STATE, "fstab")


def write(path, data):
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.write(descriptor, data)
    if WAY != "hurried":
        os.fsync(descriptor)
    os.close(descriptor)


def remove(path):
    if os.path.exists(path):
        os.unlink(path)


def replace(data):
    if WAY == "in-place":
        write(FSTAB, data)
        return
    try:
        write(TEMPORARY, data)
        os.rename(TEMPORARY, FSTAB)
    except OSError:
        if WAY != "untidy":
            remove(TEMPORARY)
        raise


def apply():
    with open(FSTAB, "rb") as file:
        old = file.read()
    if not os.path.exists(STATE):
        os.mkdir(STATE)
    write(BACKUP + ".new", old)
    os.rename(BACKUP + ".new", BACKUP)
    replace(old + b"tmpfs /mem tmpfs size=64m 0 0\n")


def undo():
    if WAY != "untidy":
        remove(TEMPORARY)
    if not os.path.exists(BACKUP):
        return
    with open(BACKUP, "rb") as file:
        replace(file.read())


try:
    apply() if VERB == "apply" else undo()
except OSError as error:
    print(f"cannot write: {error.strerror}", file=sys.stderr)
    sys.exit(0 if WAY == "lying" else 4)
