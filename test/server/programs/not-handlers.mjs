// No dispatcher.
export default { surprise: true };
