// Writes the secret with which the agent "scoring" connects to where only controller and agent can read it.
// Jenkins derives it from a key of its own and the agent's name, so nobody can choose it beforehand.
import java.nio.file.Files
import java.nio.file.Path
import java.nio.file.StandardCopyOption
import java.nio.file.attribute.PosixFilePermissions
import jenkins.model.Jenkins

def secret = Path.of('/var/lib/jenkins-agent/secret')
def staging = secret.resolveSibling('secret.new')
Files.deleteIfExists(staging)
Files.createFile(staging, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString('rw-------')))
Files.writeString(staging, Jenkins.get().getComputer('scoring').jnlpMac)
Files.move(staging, secret, StandardCopyOption.ATOMIC_MOVE)
