/** Figures of one cell's rounds, as medians. */
export const median = (numbers: ReadonlyArray<number>) =>
  numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? 0

/** The value below which `share` of the numbers are. */
export const quantile = (numbers: ReadonlyArray<number>, share: number) => {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

export interface Cell {
  readonly rates: Array<number>
  readonly p50s: Array<number>
  readonly p99s: Array<number>
  /** Processor time for one order, in milliseconds: the contender's and the server's. */
  readonly cpus: Array<number>
}

export const cell = (): Cell => ({ rates: [], p50s: [], p99s: [], cpus: [] })

export const add = (to: Cell, ms: number, cpuMs: number, latencies: ReadonlyArray<number>) => {
  to.cpus.push(cpuMs / Math.max(1, latencies.length))
  to.rates.push((latencies.length * 1000) / ms)
  to.p50s.push(quantile(latencies, 0.5))
  to.p99s.push(quantile(latencies, 0.99))
}

export const column = (text: string) => text.padStart(10)
export const verdict = (holds: boolean, what: string) => `${holds ? "ok    " : "MISSED"} ${what}`
