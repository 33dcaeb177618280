/* Tokens of captions, as artpipe/numerics/caption_tokens.py makes them; used in the page and in its worker. */
function makeTokeniser() {
  "use strict";
  var TOKENS = 4096, UNSPACED = /[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u{20000}-\u{3ffff}]/u;

  function checksum(bytes) { /* CRC-32 */
    var crc = -1;
    for (var i = 0; i < bytes.length; i++) {
      crc ^= bytes[i];
      for (var k = 0; k < 8; k++) { crc = crc & 1 ? crc >>> 1 ^ 0xedb88320 : crc >>> 1; }
    }
    return ~crc >>> 0;
  }
  /* Runs of letters and digits, those of scripts without spaces apart; a combining mark belongs to the letter before it. */
  function splitRuns(text) {
    var runs = [], kind = "";
    Array.from(text).forEach(function (letter) {
      if (kind && /\p{M}/u.test(letter)) { runs[runs.length - 1] += letter; return; }
      var before = kind;
      kind = !/[\p{L}\p{N}]/u.test(letter) ? "" : UNSPACED.test(letter) ? "unspaced" : "spaced";
      if (kind && kind !== before) { runs.push(""); }
      if (kind) { runs[runs.length - 1] += letter; }
    });
    return runs;
  }
  /* The words of a text, each with its pieces: itself between ^ and $, then its trigrams. */
  function splitWords(text) {
    var words = [];
    splitRuns(text.normalize("NFKC").toLowerCase()).forEach(function (run) {
      var letters = Array.from(run);
      if (UNSPACED.test(letters[0])) {
        letters.forEach(function (letter, i) {
          words.push(["^" + letter + "$"].concat(i + 1 < letters.length ? [letter + letters[i + 1]] : []));
        });
        return;
      }
      var marked = ["^"].concat(letters, "$"), pieces = [marked.join("")];
      for (var i = 0; i + 3 <= marked.length; i++) { pieces.push(marked.slice(i, i + 3).join("")); }
      words.push(pieces);
    });
    return words;
  }
  function hash(piece) { return 1 + checksum(new TextEncoder().encode(piece)) % (TOKENS - 1); }
  /* Rows of tokens, 0 for none: `count` words of `size` pieces. */
  function tokenise(text, count, size) {
    var rows = splitWords(text).slice(0, count).map(function (pieces) { return pieces.slice(0, size).map(hash); });
    while (rows.length < count) { rows.push([]); }
    return rows.map(function (row) { return row.concat(new Array(size - row.length).fill(0)); });
  }
  /* The first of a list of phrases whose words a text has in this order. */
  function findRefused(text, phrases) {
    function list(words) { return splitWords(words).map(function (pieces) { return pieces[0]; }); }
    var words = list(text);
    return phrases.find(function (phrase) {
      var wanted = list(phrase);
      return wanted.length && words.some(function (_, start) {
        return wanted.every(function (word, i) { return words[start + i] === word; });
      });
    });
  }
  /* The words of a text that a list does not have, but for those of one or two letters; of an empty list nothing is known. */
  function findUnknown(text, known) {
    var words = splitWords(text).map(function (pieces) { return pieces[0].slice(1, -1); });
    return words.filter(function (word, i) {
      var counts = Array.from(word).length > 2 || UNSPACED.test(word);
      return known.length && counts && known.indexOf(word) < 0 && words.indexOf(word) === i;
    });
  }
  return { checksum: checksum, tokenise: tokenise, findRefused: findRefused, findUnknown: findUnknown, TOKENS: TOKENS };
}
