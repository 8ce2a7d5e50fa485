"""Command lines and configuration files as pure functions of settings: nothing here touches the world."""
