import { Option, Schema } from "effect"

/** A piece of JSON found in a text; `complete` is false when the text ended before it did. */
export interface Found {
  readonly value: unknown
  readonly complete: boolean
}

const parse = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))
/** How many places in a text are tried as the beginning of an object. */
const startsMax = 16
const beginning = /(?:\[\s*)?\{(?=\s*(?:["'}]|$))/g
const pythonWord = /None|True|False/y
const jsonWord: Record<string, string> = { None: "null", True: "true", False: "false" }
const control = /\p{Cc}/u

interface Copied {
  readonly text: string
  readonly closers: string
  readonly complete: boolean
}

/** Copies one object or array, closes a string that was cut, and turns Python's spelling into JSON's. */
const copy = (source: string, start: number): Copied => {
  let text = ""
  let closers = ""
  let quote = ""
  for (let index = start; index < source.length; index++) {
    const character = source.charAt(index)
    if (quote !== "") {
      if (character === "\\") {
        const pair = source.slice(index, index + 2)
        text += pair === "\\'" ? "'" : pair.length === 2 ? pair : ""
        index++
      } else if (character === quote) {
        text += '"'
        quote = ""
      } else if (character === '"') text += '\\"'
      else text += control.test(character) ? " " : character
      continue
    }
    if (character === '"' || character === "'") {
      quote = character
      text += '"'
      continue
    }
    pythonWord.lastIndex = index
    const word = pythonWord.exec(source)?.[0]
    if (word !== undefined) {
      text += jsonWord[word] ?? word
      index += word.length - 1
      continue
    }
    text += character
    if (character === "{") closers = `}${closers}`
    else if (character === "[") closers = `]${closers}`
    else if (character === "}" || character === "]") {
      closers = closers.slice(1)
      if (closers === "") return { text, closers, complete: true }
    }
  }
  return {
    text: quote === "" ? text : `${text.replace(/\\u[\da-f]{0,3}$/i, "")}"`,
    closers,
    complete: false
  }
}

/** The ways in which what was cut off may be left out, the most faithful first. */
const endings = ({ text, closers }: Copied): ReadonlyArray<string> => [
  `${text}${closers}`,
  `${text}null${closers}`,
  `${text}:null${closers}`,
  `${text.replace(/,?\s*$/, "")}${closers}`,
  `${text.replace(/[\w.+-]+$/, "")}null${closers}`
]

const readAt = (text: string, start: number): Option.Option<Found> => {
  const copied = copy(text, start)
  for (const candidate of copied.complete ? [copied.text] : endings(copied)) {
    const value = parse(candidate)
    if (Option.isSome(value)) return Option.some({ value: value.value, complete: copied.complete })
  }
  return Option.none()
}

/** The first whole object or array in a text, else the beginning of the first that was cut; anything may stand around it. */
export const findJson = (text: string): Option.Option<Found> => {
  let cut = Option.none<Found>()
  let starts = 0
  for (const match of text.matchAll(beginning)) {
    if (starts++ === startsMax) break
    const found = readAt(text, match.index)
    if (Option.isSome(found) && found.value.complete) return found
    if (Option.isNone(cut)) cut = found
  }
  return cut
}

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The value under a name, if there is an object to look in. */
export const at = (value: unknown, ...names: ReadonlyArray<string>): unknown =>
  names.reduce<unknown>((inner, name) => (isRecord(inner) ? inner[name] : undefined), value)

export const listOf = (value: unknown): ReadonlyArray<unknown> =>
  Array.isArray(value) ? value : value === undefined || value === null ? [] : [value]
