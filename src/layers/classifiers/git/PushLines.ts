import { type Ended, type Seen, seen } from "../command/Ended.ts"

/**
 * What a push says of each branch, one line each, in English whatever the language, with and without
 * `--porcelain`. It is the remote's own answer, so it goes before everything else that was printed.
 */
export interface PushLines {
  /** Updated, created or deleted: the push took effect. */
  readonly accepted: boolean
  readonly deleted: boolean
  /** What was said of each branch that was refused: `[remote rejected] … (hook declined)`. */
  readonly refused: ReadonlyArray<string>
  /** Everything that was said, for what stands beside a refusal. */
  readonly text: string
  readonly seen: Seen
}

const accepted =
  /^(?:\s*\* \[new (?:branch|tag|reference)\]\s|\s*\+? *[0-9a-f]{4,64}\.\.\.?[0-9a-f]{4,64}\s+\S+ -> \S|[*+ ]\t[^\t]*:[^\t]+\t)/
const deleted = /^(?:\s*- \[deleted\]\s|-\t[^\t]*:[^\t]+\t)/
const refused = /^\s*!\s+(?:\S+\s+)?(\[(?:remote )?(?:rejected|failure|no match)\].*)$/

const read = (input: Ended): PushLines => {
  const what = seen(input)
  return {
    accepted: what.lines.some((line) => accepted.test(line)),
    deleted: what.lines.some((line) => deleted.test(line)),
    refused: what.lines.flatMap((line) => refused.exec(line)?.[1] ?? []),
    text: what.text,
    seen: what
  }
}

const known = new WeakMap<Ended, PushLines>()

/** The lines of a push about its branches; made once for each. */
export const pushLines = (input: Ended): PushLines => {
  const before = known.get(input)
  if (before !== undefined) return before
  const now = read(input)
  known.set(input, now)
  return now
}
