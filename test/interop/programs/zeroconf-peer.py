# python3-zeroconf on the loopback interface: finds OSC servers, or registers an OSCQuery server, until SIGTERM.
import signal
import socket
import sys

from zeroconf import ServiceBrowser, ServiceInfo, ServiceListener, Zeroconf

# Before there are threads, which inherit it.
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
zeroconf = Zeroconf(interfaces=["127.0.0.1"])


class Listener(ServiceListener):
    def add_service(self, zc, type_, name):
        info = zc.get_service_info(type_, name, 3000)
        addresses = [socket.inet_ntoa(address) for address in info.addresses] if info else None
        print("found", name, addresses, info and info.port, sorted(info.properties.items()) if info else None, flush=True)

    def remove_service(self, zc, type_, name):
        print("gone", name, flush=True)

    def update_service(self, zc, type_, name):
        pass


if sys.argv[1] == "browse":
    ServiceBrowser(zeroconf, "_osc._udp.local.", Listener())
    signal.sigwait([signal.SIGTERM])
else:
    info = ServiceInfo(
        "_oscjson._tcp.local.",
        "Python service._oscjson._tcp.local.",
        addresses=[socket.inet_aton("127.0.0.1")],
        port=8123,
        properties={"a": "b"},
        server="py.local.",
    )
    zeroconf.register_service(info)
    print("registered", flush=True)
    signal.sigwait([signal.SIGTERM])
    zeroconf.unregister_all_services()
zeroconf.close()
