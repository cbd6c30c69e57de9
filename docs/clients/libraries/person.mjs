// Somebody new with an account and five transactions, for the examples beside this file.
export const url = process.argv[2] ?? "http://127.0.0.1:8000";

export async function rest(method, path, body, token) {
  const headers = {
    "Content-Type": "application/json",
    ...(token && { Authorization: `Bearer ${token}` }),
  };
  const answer = await fetch(`${url}/v1${path}`, { method, headers, body: JSON.stringify(body) });
  const told = await answer.json();
  if (!told.success) throw new Error(told.error.message);
  return told.data;
}

export async function somebody() {
  const email = `ada-${crypto.randomUUID()}@example.org`;
  const password = "correct horse battery staple";
  const { accessToken } = await rest("POST", "/auth/register", { email, password, name: "Ada" });
  const body = { name: "Checking", type: "CHECKING", currency: "EUR" };
  const account = await rest("POST", "/accounts", body, accessToken);
  const transactions = [1, 2, 3, 4, 5].map((day) => ({
    accountId: account.id,
    date: `2026-01-0${day}`,
    amount: `-${day}.00`,
    description: `Purchase ${day}`,
  }));
  await rest("POST", "/transactions/bulk", { transactions }, accessToken);
  return { token: accessToken, Authorization: `Bearer ${accessToken}`, accountId: account.id };
}
