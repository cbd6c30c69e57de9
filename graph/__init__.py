"""What can be asked: the GraphQL schema and the HTTP surface of both doors."""
