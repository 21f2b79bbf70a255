"""Connects N times to ADDRESS, sends REQUEST if there is one, then holds the connections: connect.py ADDRESS N [PATH]"""
import socket
import sys
import time

address, number, paths = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
held = []
for _ in range(number):
    if address.startswith("unix:"):
        client, target = socket.socket(socket.AF_UNIX), address[len("unix:"):]
    else:
        host, port = address.rsplit(":", 1)
        client, target = socket.socket(), (host, int(port))
    client.setblocking(False)
    try:
        client.connect(target)
    except BlockingIOError:
        pass
    held.append(client)
for client in held:
    client.setblocking(True)
    for path in paths:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
print("connected", flush=True)
time.sleep(3600)
