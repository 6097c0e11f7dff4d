const charactersMax = 300

/**
 * Foreign text made fit for a message: control characters and halves of surrogate pairs, which neither a
 * terminal nor a database column takes, become `\u....`, and what is long is cut.
 */
export const printable = (text: string): string => {
  const cut = text.length > charactersMax ? `${text.slice(0, charactersMax)}...` : text
  return cut.replace(
    /[\p{Cc}\p{Cs}]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
  )
}

/** "1 line", "3 lines". */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`
