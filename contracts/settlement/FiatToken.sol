// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {IMemberRegistry} from "../access/IMemberRegistry.sol";
import {Roles} from "../access/Roles.sol";
import {IFiatToken} from "./IFiatToken.sol";

/// @title A token pegged to one fiat currency
/// @notice Its issuer mints and burns by signature and can do nothing else: there is no owner, no pause and no freeze,
/// and nobody but a holder moves or burns what the holder has.
contract FiatToken is IFiatToken, ERC20Permit, ERC3009 {
    bytes32 private constant _MINT_TYPEHASH =
        keccak256("Mint(address to,uint256 amount,bytes32 paymentReference,uint64 deadline)");
    bytes32 private constant _BURN_TYPEHASH =
        keccak256("Burn(uint256 amount,bytes32 paymentReference,uint64 deadline)");

    /// @inheritdoc IFiatToken
    uint64 public immutable issuer;
    /// @notice Where the issuer's keys and its account are registered.
    IMemberRegistry public immutable registry;

    uint8 private immutable _decimals;
    string private _currency;
    mapping(bytes32 paymentReference => bool used) private _used;

    /// @param name_ also the name of the EIP-712 domain.
    /// @param currency_ ISO 4217 code.
    /// @param decimals_ how many digits of an amount are minor units, as ISO 4217 says for the currency.
    /// @param issuer_ GLN of the issuing member.
    constructor(
        string memory name_,
        string memory symbol_,
        string memory currency_,
        uint8 decimals_,
        uint64 issuer_,
        IMemberRegistry registry_
    ) ERC20(name_, symbol_) ERC20Permit(name_) {
        _currency = currency_;
        _decimals = decimals_;
        issuer = issuer_;
        registry = registry_;
    }

    /// @inheritdoc IFiatToken
    function mint(Mint calldata order, address signer, bytes calldata signature) external {
        _requireIssuer(
            keccak256(abi.encode(_MINT_TYPEHASH, order.to, order.amount, order.paymentReference, order.deadline)),
            order.deadline,
            signer,
            signature
        );
        _use(order.amount, order.paymentReference);
        emit Minted(order.to, order.amount, order.paymentReference, signer);
        _mint(order.to, order.amount);
    }

    /// @inheritdoc IFiatToken
    function burn(Burn calldata order, address signer, bytes calldata signature) external {
        _requireIssuer(
            keccak256(abi.encode(_BURN_TYPEHASH, order.amount, order.paymentReference, order.deadline)),
            order.deadline,
            signer,
            signature
        );
        _use(order.amount, order.paymentReference);
        address account = registry.member(issuer).account;
        // Registration does not prove that the account is the issuer's own: it might be a customer's, or an escrow's.
        if (signer != account) _spendAllowance(account, signer, order.amount);
        emit Burnt(account, order.amount, order.paymentReference, signer);
        _burn(account, order.amount);
    }

    /// @inheritdoc IFiatToken
    function transferWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external {
        bytes32 structHash = keccak256(
            abi.encode(TRANSFER_WITH_AUTHORIZATION_TYPEHASH, from, to, value, validAfter, validBefore, nonce)
        );
        _requireSignature(structHash, from, signature);
        _transferWithAuthorization(from, to, value, validAfter, validBefore, nonce);
    }

    /// @inheritdoc IFiatToken
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external {
        if (to != msg.sender) revert CallerNotPayee(msg.sender, to);
        bytes32 structHash = keccak256(
            abi.encode(RECEIVE_WITH_AUTHORIZATION_TYPEHASH, from, to, value, validAfter, validBefore, nonce)
        );
        _requireSignature(structHash, from, signature);
        _transferWithAuthorization(from, to, value, validAfter, validBefore, nonce);
    }

    /// @inheritdoc IFiatToken
    function cancelAuthorization(address authorizer, bytes32 nonce, bytes calldata signature) external {
        _requireSignature(
            keccak256(abi.encode(CANCEL_AUTHORIZATION_TYPEHASH, authorizer, nonce)), authorizer, signature
        );
        _cancelAuthorization(authorizer, nonce);
    }

    /// @inheritdoc IFiatToken
    function currency() external view returns (string memory) {
        return _currency;
    }

    /// @notice How many digits of an amount are minor units.
    function decimals() public view override returns (uint8) {
        return _decimals;
    }

    /// @dev Unix seconds, always: OpenZeppelin's own check reads some values as block numbers, which ERC-3009 does
    /// not know and a signer would not expect.
    function _checkValidity(uint256 validAfter, uint256 validBefore) internal view override {
        if (block.timestamp <= validAfter || block.timestamp >= validBefore) {
            revert AuthorizationNotLive(validAfter, validBefore, block.timestamp);
        }
    }

    function _requireIssuer(bytes32 structHash, uint64 deadline, address signer, bytes calldata signature)
        private
        view
    {
        if (deadline < block.timestamp) revert DeadlineExpired(deadline, block.timestamp);
        registry.requireMember(signer, issuer, Roles.TOKEN_ISSUER);
        _requireSignature(structHash, signer, signature);
    }

    function _requireSignature(bytes32 structHash, address signer, bytes calldata signature) private view {
        bytes32 digest = _hashTypedDataV4(structHash);
        // Recovery first, as in SignedAction: an account may have code by EIP-7702 and none of ERC-1271 in it.
        (address recovered, ECDSA.RecoverError problem,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (problem == ECDSA.RecoverError.NoError && recovered == signer) return;
        if (!SignatureChecker.isValidERC1271SignatureNowCalldata(signer, digest, signature)) {
            revert SignatureInvalid(signer, digest);
        }
    }

    function _use(uint256 amount, bytes32 paymentReference) private {
        if (amount == 0) revert AmountInvalid(amount);
        if (paymentReference == 0 || _used[paymentReference]) revert PaymentReferenceUsed(paymentReference);
        _used[paymentReference] = true;
    }
}
