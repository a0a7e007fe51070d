// The JSON interface of the collector that served this page. Remembers the answers on show, for the download.

const answers = new Map();

export const forget = () => answers.clear();
export const remembered = () => Object.fromEntries(answers);

export async function ask(path, parameters, signal) {
  const query = new URLSearchParams(parameters).toString();
  const where = path + (query ? '?' + query : '');
  let response;
  try {
    response = await fetch(where, {signal});
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Error('the collector does not answer');
  }
  const answer = await response.json().catch(() => ({error: 'the answer is no JSON (status ' + response.status + ')'}));
  if (!response.ok || answer.error) throw new Error(answer.error || 'status ' + response.status);
  answers.set(where, answer);
  return answer;
}
