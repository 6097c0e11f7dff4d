import { DateTime, Duration, Effect } from "effect"
import { UserError } from "./UserError.ts"

const units = { m: Duration.minutes, h: Duration.hours, d: Duration.days } as const
const ago = /^(\d{1,5})([mhd])$/
const date = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})?)?$/

const unitOf = (letter: string | undefined) =>
  letter === "m" || letter === "h" || letter === "d" ? units[letter] : undefined

/** JavaScript takes 31 February for 3 March. */
const isCalendarDay = (text: string): boolean => {
  const day = text.slice(0, 10)
  const midnight = DateTime.make(`${day}T00:00Z`)
  return midnight._tag === "Some" && DateTime.formatIso(midnight.value).startsWith(day)
}

/** The time span that `30m`, `24h` or `7d` stands for; `flag` is what it was given with. */
export const parseSpan = (flag: string, text: string): Effect.Effect<Duration.Duration, UserError> => {
  const [, count, letter] = ago.exec(text.trim()) ?? []
  const unit = unitOf(letter)
  return count !== undefined && unit !== undefined
    ? Effect.succeed(unit(Number(count)))
    : Effect.fail(
        new UserError({ problem: `${flag}: "${text}" is no time span`, fix: "Say how long: 30m, 24h, 7d." })
      )
}

/** The moment that `30m`, `24h`, `7d` or an ISO date stands for; a date without a zone is UTC. */
export const parseSince = (text: string, now: DateTime.Utc): Effect.Effect<DateTime.Utc, UserError> => {
  const [, count, letter] = ago.exec(text.trim()) ?? []
  const unit = unitOf(letter)
  if (count !== undefined && unit !== undefined) {
    return Effect.succeed(DateTime.subtractDuration(now, unit(Number(count))))
  }
  const wrong = (problem: string) =>
    new UserError({
      problem: `--since: ${problem}`,
      fix: "Say how long ago (30m, 24h, 7d), or when (2026-03-01, 2026-03-01T14:00Z)."
    })
  if (!date.test(text.trim())) return Effect.fail(wrong(`"${text}" is neither a time span nor an ISO date`))
  const zoned = /T.*(?:Z|[+-]\d{2}:\d{2})$/.test(text.trim())
  const moment = DateTime.make(zoned ? text.trim() : `${text.trim()}${text.includes("T") ? "Z" : "T00:00Z"}`)
  if (moment._tag === "None" || !isCalendarDay(text.trim())) {
    return Effect.fail(wrong(`there is no such date as "${text}"`))
  }
  const at = DateTime.toUtc(moment.value)
  if (DateTime.toEpochMillis(at) > DateTime.toEpochMillis(now)) {
    return Effect.fail(wrong(`"${text}" is in the future`))
  }
  return Effect.succeed(at)
}

/** "3 min", "2 h 5 min", "4 d": how long something is ago, roughly. */
export const span = (ms: number): string => {
  const minutes = Math.floor(Math.max(0, ms) / 60_000)
  if (minutes < 1) return `${Math.floor(Math.max(0, ms) / 1000)} s`
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`
  return `${Math.floor(hours / 24)} d`
}

/** "2026-03-01 14:00:05 UTC (3 min ago)", or "(in 3 min)". */
export const when = (at: string, now: string): string => {
  const ms = Date.parse(now) - Date.parse(at)
  return `${at.slice(0, 19).replace("T", " ")} UTC (${ms >= 0 ? `${span(ms)} ago` : `in ${span(-ms)}`})`
}
