import { readFileSync, readdirSync } from "node:fs"

/** What the kernel says of a process: its parent, and its processor time so far in hundredths of a second. */
const stat = (pid: string) => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8")
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ")
    return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }
  } catch {
    // It has ended since the folder was read.
    return { parent: 0, ticks: 0 }
  }
}

/** Processor time of a PostgreSQL server's processes so far; 0 where the kernel does not tell (it is Linux's way). */
export const serverMs = (postmaster: number) => {
  if (process.platform !== "linux") return 0
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(stat)
    .filter(({ parent }) => parent === postmaster)
    .reduce((sum, { ticks }) => sum + ticks * 10, 0)
}
