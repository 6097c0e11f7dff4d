/** A generator of numbers in [0, 1) that gives the same ones for the same seed (mulberry32). */
export const seeded = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

type Random = () => number

const letters = "abcdefghijklmnopqrstuvwxyz"
const word = (random: Random, length = 6): string =>
  Array.from({ length }, () => letters.charAt(Math.floor(random() * letters.length))).join("")
const hex = (random: Random, length: number): string =>
  Array.from({ length }, () => Math.floor(random() * 16).toString(16)).join("")
const below = (random: Random, limit: number): number => Math.floor(random() * limit)

/** Lines as they are, each with the line ending it had. */
const lines = (text: string): ReadonlyArray<string> => text.split(/(?<=\n)/)

/**
 * Ways in which the same failure is written differently. Each keeps what a failure means: nothing here
 * changes exit codes, HTTP statuses, error codes, or numbers short enough to be one.
 */
export const perturbations = {
  /** Commit ids, addresses, hosts, ports, long numbers. */
  names: (text: string, random: Random): string =>
    text
      .replace(/\b[0-9a-f]{40}\b/g, () => hex(random, 40))
      .replace(
        /\b(\d{1,3}\.){3}\d{1,3}\b/g,
        () => `10.${below(random, 255)}.${below(random, 255)}.${below(random, 255)}`
      )
      .replace(/\b[a-z0-9-]+(\.[a-z0-9-]+)*\.(invalid|example|test)\b/g, () => `${word(random)}.invalid`)
      .replace(/(?<=[\w\]]):\d{4,5}\b/g, () => `:${10_000 + below(random, 50_000)}`)
      .replace(/\b\d{6,}\b/g, (digits) => Array.from(digits, () => String(1 + below(random, 9))).join("")),
  /** Words in double quotes or guillemets that look like an identifier. */
  quoted: (text: string, random: Random): string =>
    text.replace(
      /(["»])[a-z][a-z0-9_]*(["«])/g,
      (_, open: string, close: string) => `${open}${word(random)}_x${close}`
    ),
  colours: (text: string, random: Random): string =>
    lines(text)
      .map((line) =>
        line.trim() === ""
          ? line
          : `\u001b[${31 + below(random, 6)}m${line.replace(/(\r?\n)?$/, "\u001b[0m$1")}`
      )
      .join(""),
  crlf: (text: string): string => text.replace(/\r?\n/g, "\r\n"),
  remotePrefix: (text: string): string =>
    lines(text)
      .map((line) => (line.trim() === "" ? line : `remote: ${line}`))
      .join(""),
  cut: (text: string): string => text.slice(0, 500),
  progressBefore: (text: string): string =>
    Array.from({ length: 50 }, (_, index) => `Counting objects: ${index * 2}% (${index}/50)\r`).join("") +
    `\n${text}`,
  progressAfter: (text: string): string =>
    `${text}\n` +
    Array.from({ length: 50 }, (_, index) => `Compressing objects: ${index * 2}% (${index}/50)\n`).join(""),
  shuffled: (text: string, random: Random): string =>
    lines(text.endsWith("\n") ? text : `${text}\n`)
      .map((line) => ({ line, at: random() }))
      .sort((a, b) => a.at - b.at)
      .map(({ line }) => line)
      .join("")
} as const satisfies Record<string, (text: string, random: Random) => string>

export type Perturbation = keyof typeof perturbations

/** `text` written differently in each of the ways, in that order; the same seed gives the same text. */
export const perturb = (text: string, ways: ReadonlyArray<Perturbation>, seed: number): string => {
  const random = seeded(seed)
  return ways.reduce((changed, way) => perturbations[way](changed, random), text)
}

/** A random choice of the ways, each in with an even chance. */
export const someOf = (ways: ReadonlyArray<Perturbation>, seed: number): ReadonlyArray<Perturbation> => {
  const random = seeded(seed ^ 0x9e3779b9)
  return ways.filter(() => random() < 0.5)
}
