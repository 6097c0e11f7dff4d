/*
 * Days and their ends by Intl alone: what the ledger computes in Postgres is compared with this.
 */

const formats = new Map<string, Intl.DateTimeFormat>()

const formatOf = (zone: string) => {
  const known = formats.get(zone)
  if (known !== undefined) return known
  const made = new Intl.DateTimeFormat("en-CA", {
    timeZone: zone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit"
  })
  formats.set(zone, made)
  return made
}

/** The day that it is in a zone: 2026-03-29. */
export const dayOf = (ms: number, zone: string): string => formatOf(zone).format(ms)

const longestDayMs = 50 * 3_600_000

/** The first millisecond of the next day in a zone, found by halving. */
export const resetOf = (ms: number, zone: string): number => {
  const today = dayOf(ms, zone)
  let [before, after] = [ms, ms + longestDayMs]
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2)
    if (dayOf(middle, zone) === today) before = middle
    else after = middle
  }
  return after
}
