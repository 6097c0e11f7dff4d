import { readFileSync, readdirSync } from "node:fs"

/** What the kernel says of a process: its parent, its processor time so far in hundredths of a second, and that of its ended children. */
const stat = (pid: string) => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8")
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ")
    return {
      parent: Number(fields[1]),
      ticks: Number(fields[11]) + Number(fields[12]),
      ended: Number(fields[13]) + Number(fields[14])
    }
  } catch {
    // It has ended since the folder was read.
    return { parent: 0, ticks: 0, ended: 0 }
  }
}

/** Processor time of a PostgreSQL server's processes so far; 0 where the kernel does not tell (it is Linux's way). */
export const serverMs = (postmaster: number) => {
  if (process.platform !== "linux") return 0
  const itself = stat(String(postmaster))
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(stat)
    .filter(({ parent }) => parent === postmaster)
    .reduce((sum, { ticks }) => sum + ticks * 10, (itself.ticks + itself.ended) * 10)
}
