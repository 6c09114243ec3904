"""The Faust app of this project: `faust -A streams.app worker -l info` works on the cluster of config's `kafka`.

Agents and tables of your own go below; relight's agent is on the app already.
"""

import relight

app = relight.faust_app(".")
