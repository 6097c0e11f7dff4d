import { Result } from "effect"
import { counted } from "./Words.ts"

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

/** The text in a file's bytes, its byte order mark included; null when they are not text. */
export const decode = (bytes: Uint8Array): string | null =>
  bytes.includes(0) ? null : Result.getOrNull(Result.try(() => decoder.decode(bytes)))

/** A text as UTF-8, or what is wrong with it. */
export const encode = (text: string): Result.Result<Uint8Array, string> =>
  text.isWellFormed()
    ? Result.succeed(encoder.encode(text))
    : Result.fail("the new text is not valid Unicode")

/** How a text's lines end; null when it has only one line. */
export const lineEndings = (text: string): "lf" | "crlf" | "mixed" | null => {
  if (!text.includes("\n")) return null
  if (!text.includes("\r\n")) return "lf"
  return /(?<!\r)\n/.test(text) ? "mixed" : "crlf"
}

export const toLf = (text: string): string => text.replaceAll("\r\n", "\n")

/** Only for a text that `toLf` has been through. */
export const toCrlf = (text: string): string => text.replaceAll("\n", "\r\n")

/**
 * How often a text occurs, overlaps counted, and where first. By Knuth, Morris and Pratt, so that the time is
 * linear whatever the two texts are: `String.indexOf` needs minutes for some pairs a model could send.
 */
const occurrences = (text: string, search: string): { readonly count: number; readonly first: number } => {
  const fallback = new Int32Array(search.length)
  for (let at = 1, matched = 0; at < search.length; at++) {
    while (matched > 0 && search.charCodeAt(at) !== search.charCodeAt(matched)) {
      matched = fallback[matched - 1] ?? 0
    }
    if (search.charCodeAt(at) === search.charCodeAt(matched)) matched++
    fallback[at] = matched
  }
  let count = 0
  let first = -1
  for (let at = 0, matched = 0; at < text.length; at++) {
    while (matched > 0 && text.charCodeAt(at) !== search.charCodeAt(matched)) {
      matched = fallback[matched - 1] ?? 0
    }
    if (text.charCodeAt(at) === search.charCodeAt(matched)) matched++
    if (matched < search.length) continue
    count++
    if (count === 1) first = at + 1 - search.length
    matched = fallback[matched - 1] ?? 0
  }
  return { count, first }
}

const occurs = (text: string, search: string): boolean => search !== "" && occurrences(text, search).count > 0

const withoutSpace = (text: string): string => text.replace(/\s+/g, "")

const nearMiss = (text: string, search: string): string => {
  if (occurs(toLf(text), toLf(search))) return ", though it would if line endings were ignored"
  if (occurs(withoutSpace(text), withoutSpace(search))) return ", though it would if white space were ignored"
  return ""
}

/** Replaces the one place where `search` is, or says what is wrong. */
const replaceOnce = (text: string, search: string, replace: string): Result.Result<string, string> => {
  const { count, first } = occurrences(text, search)
  if (count === 1) {
    return Result.succeed(text.slice(0, first) + replace + text.slice(first + search.length))
  }
  return Result.fail(
    count === 0
      ? `the text to replace does not occur${nearMiss(text, search)}`
      : `the text to replace occurs ${counted(count, "time")}`
  )
}

/**
 * Replaces the one place where `search` is. Where all lines of a file end alike, those of the edit count as
 * ending so too, and the file keeps them; where they differ, the edit is first taken as it stands.
 */
export const searchReplace = (
  text: string,
  search: string,
  replace: string
): Result.Result<string, string> => {
  const lf = () => replaceOnce(toLf(text), toLf(search), toLf(replace))
  switch (lineEndings(text)) {
    case "lf":
      return lf()
    case "crlf":
      return Result.map(lf(), toCrlf)
    case "mixed": {
      const asItStands = replaceOnce(text, search, replace)
      if (Result.isSuccess(asItStands) || occurs(text, search)) return asItStands
      const crlf = toCrlf(toLf(search))
      return occurs(text, crlf) ? replaceOnce(text, crlf, toCrlf(toLf(replace))) : asItStands
    }
    case null:
      return replaceOnce(text, search, replace)
  }
}
