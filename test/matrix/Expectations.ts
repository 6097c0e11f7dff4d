import { readFileSync } from "node:fs"
import { type Case, type Mode, modes } from "./Case.ts"
import type { Observed } from "./Observed.ts"

/* expectations.txt: one line for all reasons of a method and mode that are expected to end alike. */

const file = new URL("expectations.txt", import.meta.url)
const isMode = (text: string): text is Mode => modes.some((mode) => mode === text)

/** By the case's name, the columns. Throws at a line that cannot be read, or says a case twice. */
export const read = (): ReadonlyMap<string, string> => {
  const found = new Map<string, string>()
  let method = ""
  for (const line of readFileSync(file, "utf8").split("\n")) {
    if (line === "" || line.startsWith("#")) continue
    if (!line.startsWith("  ")) {
      method = line.split(" ")[0] ?? ""
      continue
    }
    const [head = "", ...columns] = line.split(" | ").map((part) => part.trim())
    const [mode = "", ...reasons] = head.split(/\s+/)
    if (!isMode(mode) || columns.length === 0) throw new Error(`expectations.txt: ${line}`)
    for (const reason of reasons.length === 0 ? ["-"] : reasons) {
      const name = `${method} ${mode} ${reason}`
      if (found.has(name)) throw new Error(`expectations.txt says twice what is expected of ${name}`)
      found.set(name, columns.join(" | "))
    }
  }
  return found
}

export const textOf = ({ columns }: Observed): string => columns.join(" | ")

/** The lines that would say what was observed, for a person to read before they are believed. */
export const draft = (all: ReadonlyArray<{ readonly it: Case; readonly observed: Observed }>): string => {
  const lines: Array<string> = []
  for (const method of new Set(all.map(({ it }) => it.place))) {
    const own = all.filter(({ it }) => it.place === method)
    lines.push("", `${method} (${own[0]?.it.driver ?? ""})`)
    for (const mode of modes) {
      const groups = new Map<string, Array<string>>()
      for (const { it, observed } of own) {
        if (it.mode !== mode) continue
        const text = textOf(observed)
        groups.set(text, [...(groups.get(text) ?? []), it.name.slice(it.name.lastIndexOf(" ") + 1)])
      }
      for (const [text, labels] of groups) {
        const said = labels.length === 1 && labels[0] === "-" ? [] : labels
        lines.push(`  ${[mode, ...said].join(" ")} | ${text}`)
      }
    }
  }
  return lines.join("\n").trimStart()
}
