"""The service: intake of alerts, the durable queue and its workers, notifications, and the web page."""
