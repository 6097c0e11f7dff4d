import { chmodSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"

/*
 * A git in front of the real one. While the file `armed` is there ("alone|children <pid> <words>"), the git whose
 * arguments hold those words is begun and the process killed that wanted it: git goes on without it, or dies with it
 * a few milliseconds later. While `full` is there, the git that it names is used, which may not write.
 */
const script = (real: string, here: string) => `#!/bin/sh
if [ -f '${here}/armed' ]; then
  read -r how pid words < '${here}/armed'
  case "$*" in *"$words"*)
    rm -f '${here}/armed'
    if [ "$how" = children ]; then
      '${real}' "$@" <&0 &
      sleep 0.004
      kill -KILL $! "$pid"
      exit 137
    fi
    kill -KILL "$pid"
  esac
fi
if [ -f '${here}/full' ]; then
  read -r limited < '${here}/full'
  exec "$limited" "$@"
fi
exec '${real}' "$@"
`

/** Writes it into a folder, which comes first in a worker's PATH. */
export const write = (directory: string, real: string) => {
  mkdirSync(directory, { recursive: true })
  const file = join(directory, "git")
  writeFileSync(file, script(real, directory))
  chmodSync(file, 0o755)
  return directory
}
