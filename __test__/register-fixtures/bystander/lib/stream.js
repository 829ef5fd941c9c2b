// Has the path of pg's file within its package, and asks the same question.

module.exports = typeof navigator === 'object' ? navigator.userAgent : 'no navigator';
