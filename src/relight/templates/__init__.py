"""How we say it: template environment, rendering, locales and the checks on a template's content."""
