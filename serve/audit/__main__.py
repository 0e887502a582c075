"""`python -m serve.audit`: verify the prediction log, and carry out people's rights of access and erasure."""

from __future__ import annotations

from fraud.command_line import CommandLine
from serve.audit.access_command import access
from serve.audit.backup.commands import backup, restore
from serve.audit.close_command import close_chain
from serve.audit.decisions_command import decisions_command
from serve.audit.dossier.check_command import check_command
from serve.audit.dossier.dossier_command import dossier
from serve.audit.erase_command import erase
from serve.audit.pack.pack_command import pack
from serve.audit.reasons_command import reasons
from serve.audit.rekey_command import rekey
from serve.audit.rewrite_command import rewrite
from serve.audit.salvage_command import salvage
from serve.audit.verify_command import verify

app = CommandLine(help="Audit the prediction log, and carry out people's rights of access and erasure.")
app.command()(verify)
app.command("decisions")(decisions_command)
app.command()(salvage)
app.command("close-chain")(close_chain)
app.command()(access)
app.command()(reasons)
app.command()(dossier)
app.command("check")(check_command)
app.command()(pack)
app.command()(erase)
app.command()(rewrite)
app.command()(rekey)
app.command()(backup)
app.command()(restore)


if __name__ == "__main__":
    app()
