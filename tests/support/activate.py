"""Hands a listening socket over as systemd does (sd_listen_fds(3)): activate.py ADDRESS BACKLOG COMMAND..."""
import os
import socket
import sys

address, backlog, command = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
if address.startswith("unix:"):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address[len("unix:"):])
else:
    host, port = address.rsplit(":", 1)
    listener = socket.socket()
    listener.bind((host, int(port)))
listener.listen(backlog)
os.dup2(listener.fileno(), 3)
# Where the socket already has number 3, dup2 does nothing, and would leave it closed on exec.
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execvp(command[0], command)
