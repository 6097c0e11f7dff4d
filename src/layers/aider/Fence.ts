/**
 * Python loads a module of this name before the program. It lets Aider write in its worktree and in its own folder,
 * and nowhere else: a model may name any path as the file to edit, and Aider follows it out of the repository, through
 * symbolic links and into `.git`. What was refused is written down for us, each path followed by a NUL.
 */
export const fenceFile = "sitecustomize.py"

/** The variables the fence goes by: its folders, the worktree first; where it says that it is closed; where it says what it refused. */
export const fenceEnvironment = (fence: {
  readonly worktree: string
  readonly folder: string
  readonly closed: string
  readonly refused: string
}): Record<string, string> => ({
  MOOSE_FENCE: [fence.worktree, fence.folder].join(":"),
  MOOSE_FENCE_CLOSED: fence.closed,
  MOOSE_FENCE_REFUSED: fence.refused
})

export const fence = `\
import os
import sys


def close_fence():
    roots = [os.path.realpath(root) for root in os.environ["MOOSE_FENCE"].split(":")]
    git = os.path.join(roots[0], ".git")
    refused = os.environ["MOOSE_FENCE_REFUSED"]
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

    def inside(path, root):
        return path == root or path.startswith(root + os.sep)

    def check(path):
        if not isinstance(path, (str, bytes, os.PathLike)):
            return
        at = os.path.realpath(os.fsdecode(path))
        if inside(at, "/dev") or any(inside(at, root) for root in roots) and not inside(at, git):
            return
        note = os.open(refused, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(note, os.fsencode(at) + b"\\0")
        os.close(note)
        raise PermissionError(13, "Moose lets Aider write in its worktree only", at)

    def hook(event, args):
        if event == "open":
            if isinstance(args[2], int) and args[2] & writing and args[0] != refused:
                check(args[0])
        elif event in ("os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod"):
            check(args[0])
        elif event in ("os.rename", "os.link", "os.symlink"):
            check(args[0])
            check(args[1])

    sys.addaudithook(hook)
    with open(os.environ["MOOSE_FENCE_CLOSED"], "w") as closed:
        closed.write("closed")


close_fence()
`
