/** Whether a text takes more bytes than this as UTF-8. */
export function isLongerThan(text: string, maxBytes: number): boolean {
  // A UTF-16 unit is at most three bytes, so most texts need no count.
  return text.length * 3 > maxBytes && Buffer.byteLength(text) > maxBytes;
}
