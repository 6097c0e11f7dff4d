/** Colours, when a person is looking and has not asked for none (https://no-color.org). */
const coloured = process.stdout.isTTY && process.env["NO_COLOR"] === undefined

const paint = (code: number) => (text: string) => (coloured ? `\u001b[${code}m${text}\u001b[0m` : text)

export const style = {
  good: paint(32),
  bad: paint(31),
  accent: paint(36),
  dim: paint(2),
  bold: paint(1)
}

/** "  0.42 s", always as wide, so that columns line up. */
export const seconds = (ms: number): string => `${(ms / 1000).toFixed(2).padStart(6)} s`

/** A patch with added and removed lines coloured. */
export const patch = (text: string): string =>
  text
    .split("\n")
    .map((line) => {
      if (/^(diff |index |\+\+\+ |--- |new file|deleted file)/.test(line)) return style.dim(line)
      if (line.startsWith("+")) return style.good(line)
      if (line.startsWith("-")) return style.bad(line)
      return line.startsWith("@@") ? style.accent(line) : line
    })
    .join("\n")
