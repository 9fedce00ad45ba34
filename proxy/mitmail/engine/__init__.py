"""TLS legs on memory BIOs and the session state machine: octets in, actions and facts out.

No asyncio, no sockets, no mitmproxy: a driver feeds :class:`~mitmail.engine.session.Session`
and carries out the actions it gets back, in their order.
"""
