import { Stream } from "effect"

/** One line of a text, counted from 1; `text` is null when it was longer than allowed, and is not kept. */
export interface Line {
  readonly number: number
  readonly text: string | null
}

interface Unfinished {
  readonly number: number
  readonly text: string
  readonly tooLong: boolean
}

const finished = ({ number, text, tooLong }: Unfinished): Line => ({ number, text: tooLong ? null : text })

/** Splits a text into lines as it arrives, and never holds more of a line than `charactersMax`. */
export const split =
  (charactersMax: number) =>
  <E, R>(text: Stream.Stream<string, E, R>): Stream.Stream<Line, E, R> =>
    Stream.mapAccum(
      text,
      (): Unfinished => ({ number: 1, text: "", tooLong: false }),
      (before, piece) => {
        const lines: Array<Line> = []
        let line = before
        piece.split("\n").forEach((part, index) => {
          if (index > 0) {
            lines.push(finished(line))
            line = { number: line.number + 1, text: "", tooLong: false }
          }
          const tooLong = line.tooLong || line.text.length + part.length > charactersMax
          line = { ...line, text: tooLong ? "" : line.text + part, tooLong }
        })
        return [line, lines] as const
      },
      { onHalt: (last) => (last.text === "" && !last.tooLong ? [] : [finished(last)]) }
    )

/** All of a text up to `charactersMax`; of a longer one the beginning and the end, half of that each. */
export const keep =
  (charactersMax: number) =>
  <E, R>(text: Stream.Stream<string, E, R>) =>
    Stream.runFold(
      text,
      () => "",
      (kept, piece) => {
        const all = kept + piece
        const half = Math.floor(charactersMax / 2)
        return all.length <= half * 2 ? all : all.slice(0, half) + all.slice(-half)
      }
    )
